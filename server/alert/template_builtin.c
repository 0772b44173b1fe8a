/* template_builtin.c - the definitions that Alertmanager ships and that configurations call by
 * name. The names, and what their dot is, are an interface; the texts are ours.
 *
 * `__text_alert_list`, `__text_alert_list_markdown` and `pagerduty.default.instances` take a list
 * of alerts, all others the whole data. Those of receivers that we do not have are here as well:
 * files of templates for all of somebody's receivers load. */
#include "template_priv.h"

#define SUBJECT "{{ template `__subject` . }}"
#define OURSELVES "{{ template `__alertmanager` . }}"
#define OUR_URL "{{ template `__alertmanagerURL` . }}"
/* What fires and what is resolved, each under a heading. */
#define LISTS(list, before, after)                                                                 \
    "{{ with .Alerts.Firing }}" before "Firing" after "{{ template `" list "` . }}{{ end }}"       \
    "{{ with .Alerts.Resolved }}" before "Resolved" after "{{ template `" list "` . }}{{ end }}"
#define PLAIN LISTS("__text_alert_list", "", ":\n")
#define MARKDOWN LISTS("__text_alert_list_markdown", "**", "**\n\n")
#define HTML LISTS("__html_alert_list", "<h3>", "</h3>")
#define NAME_OF "{{ with .Annotations.summary }}{{ . }}{{ else }}{{ .Labels.alertname }}{{ end }}"

static const struct sg__builtin table[] = {
    {"__alertmanager", "streamgauge"},
    {"__alertmanagerURL", "{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}"},
    {"__description", ""},
    {"__subject", "[{{ .Status | toUpper }}"
                  "{{ if eq .Status `firing` }}:{{ len .Alerts.Firing }}{{ end }}] "
                  "{{ .GroupLabels.SortedPairs.Values | join ` ` }}"
                  "{{ with .CommonLabels.Remove .GroupLabels.Names }}"
                  " ({{ .Values | join ` ` }}){{ end }}"},
    {"__text_alert_list",
     "{{ range . }}- " NAME_OF "\n"
     "{{ with .Annotations.description }}  {{ . }}\n{{ end }}"
     "  {{ range $i, $l := .Labels.SortedPairs }}{{ if $i }}, {{ end }}{{ $l.Name }}: "
     "{{ $l.Value }}{{ end }}\n"
     "{{ range (.Annotations.Remove (stringSlice `summary` `description`)).SortedPairs }}"
     "  {{ .Name }}: {{ .Value }}\n{{ end }}"
     "{{ with .GeneratorURL }}  {{ . }}\n{{ end }}"
     "{{ end }}"},
    {"__text_alert_list_markdown",
     "{{ range . }}**" NAME_OF "**\n\n"
     "{{ with .Annotations.description }}{{ . }}\n\n{{ end }}"
     "{{ range .Labels.SortedPairs }}- {{ .Name }}: {{ .Value }}\n{{ end }}\n"
     "{{ with .GeneratorURL }}[Expression]({{ . }})\n\n{{ end }}"
     "{{ end }}"},
    {"__html_alert_list",
     "<ul>{{ range . }}<li><b>{{ with .Annotations.summary }}{{ . | html }}{{ else }}"
     "{{ .Labels.alertname | html }}{{ end }}</b>"
     "{{ with .Annotations.description }}<br>{{ . | html }}{{ end }}"
     "{{ range .Labels.SortedPairs }}<br>{{ .Name | html }}: {{ .Value | html }}{{ end }}"
     "{{ with .GeneratorURL }}<br><a href=\"{{ . | html }}\">Expression</a>{{ end }}"
     "</li>{{ end }}</ul>"},

    {"slack.default.title", SUBJECT},
    {"slack.default.username", OURSELVES},
    {"slack.default.fallback", SUBJECT " | " OUR_URL},
    {"slack.default.callbackid", ""},
    {"slack.default.pretext", ""},
    {"slack.default.titlelink", OUR_URL},
    {"slack.default.iconemoji", ""},
    {"slack.default.iconurl", ""},
    {"slack.default.text", PLAIN},
    {"slack.default.footer", ""},
    {"discord.default.content", ""},
    {"discord.default.title", SUBJECT},
    {"discord.default.message", PLAIN},
    {"msteams.default.summary", SUBJECT},
    {"msteams.default.title", SUBJECT},
    {"msteams.default.text", MARKDOWN},
    {"msteamsv2.default.title", SUBJECT},
    {"msteamsv2.default.text", MARKDOWN},
    {"telegram.default.message", PLAIN},
    {"webex.default.message", PLAIN},
    {"wechat.default.message", SUBJECT "\n" PLAIN},
    {"wechat.default.to_user", ""},
    {"wechat.default.to_party", ""},
    {"wechat.default.to_tag", ""},
    {"wechat.default.agent_id", ""},

    {"pagerduty.default.description", SUBJECT},
    {"pagerduty.default.client", OURSELVES},
    {"pagerduty.default.clientURL", OUR_URL},
    {"pagerduty.default.instances", "{{ template `__text_alert_list` . }}"},
    {"opsgenie.default.message", SUBJECT},
    {"opsgenie.default.description", PLAIN},
    {"opsgenie.default.source", OUR_URL},
    {"victorops.default.state_message", PLAIN},
    {"victorops.default.entity_display_name", SUBJECT},
    {"victorops.default.monitoring_tool", OURSELVES},
    {"pushover.default.title", SUBJECT},
    {"pushover.default.message", PLAIN},
    {"pushover.default.url", OUR_URL},
    {"sns.default.subject", SUBJECT},
    {"sns.default.message", PLAIN},

    {"email.default.subject", SUBJECT},
    {"email.default.html",
     "<!doctype html>\n<html><body style=\"font-family:sans-serif\">"
     "<h2>{{ .Status | toUpper }} {{ .GroupLabels.SortedPairs.Values | join ` ` | html }}</h2>" HTML
     "<p><a href=\"{{ .ExternalURL | html }}\">streamgauge</a></p></body></html>\n"},
};

const struct sg__builtin *const sg__template_builtin = table;
const size_t sg__n_template_builtin = SG_ARRAY_LEN(table);
