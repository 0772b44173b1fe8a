/* rule_place.h - where something inside a YAML scalar's text stands in the file. */
#ifndef SG_ALERT_RULE_PLACE_H
#define SG_ALERT_RULE_PLACE_H

#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/yaml.h>

/* Line and column in the file of byte `pos` of the node's text. Scalars are written in five ways:
 * plain, quoted, folded …; where the text cannot be followed it is the node's own place. */
void sg__rule_place(struct sg_str file, const struct sg_yaml_node *node, size_t pos,
                    uint32_t *ret_line, uint32_t *ret_column);

#endif
