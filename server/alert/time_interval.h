/* time_interval.h - recurring times of Alertmanager's configuration: "monday:friday, 09:00 to
 * 17:00, Europe/Berlin". Parsed values live in the arena they were parsed into. */
#ifndef SG_ALERT_TIME_INTERVAL_H
#define SG_ALERT_TIME_INTERVAL_H

#include <streamgauge/alerting.h>
#include <streamgauge/arena.h>

struct sg__range { /* both ends included; of times: [begin, end) in minutes of the day */
    int begin, end;
};
struct sg__ranges {
    struct sg__range *list;
    size_t n; /* 0: any */
};

struct sg__interval {
    struct sg__ranges times, weekdays, days, months, years;
    struct sg_str zone;  /* empty: offset_s counts */
    int32_t offset_s;    /* fixed, east of UTC */
    struct sg_str where; /* as written; "UTC" when not given */
};

struct sg__intervals { /* one name of time_intervals: any of the list */
    struct sg_str name;
    struct sg__interval *list;
    size_t n;
};

/* node: a list of maps with times, weekdays, days_of_month, months, years, location. */
SG_NODISCARD int sg__intervals_parse(const struct sg_yaml_node *node, struct sg_arena *arena,
                                     struct sg__intervals *ret, struct sg_error *reterr);
/* The key `location` of a map: sets zone, offset_s and where. */
SG_NODISCARD int sg__location_read(const struct sg_yaml_node *map, struct sg_arena *arena,
                                   struct sg__interval *ret, struct sg_error *reterr);
bool sg__intervals_contain(const struct sg__intervals *t, const struct sg_alerting_hooks *hooks,
                           int64_t wall_ms);

#endif
