/* am_status.c - GET /api/v2/receivers and /api/v2/status. */
#include "net/am.h"

/* The version of Alertmanager whose API this is: amtool warns of any other than its own, and this
 * is that of Debian 12. What newer ones added is there too. */
#define API_VERSION "0.25.0"
#define MAX_CONFIG ((size_t)4 << 20)

void sg__am_get_receivers(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_view v;
    if (!sg__am_look(ctx, x, SG__AM_ALERTS, &v))
        return;
    sg_buf_putc(&x->out, '[');
    for (size_t i = 0; i < v.alerts->n_receivers; i++) {
        sg_buf_puts(&x->out, i ? ",{" : "{");
        sg__am_text(&x->out, "name", v.alerts->receivers[i], false);
        sg_buf_puts(&x->out, ",\"labels\":{}}");
    }
    sg_buf_puts(&x->out, "]\n");
    sg__am_view_deinit(&v);
}

void sg__am_get_status(void *ctx, struct sg_net_exchange *x)
{
    const struct sg_api *api = ctx;
    SG_AUTO(sg_buf_deinit) struct sg_buf config;
    sg_buf_init(&config, MAX_CONFIG);
    if (api->cfg.alert_config)
        api->cfg.alert_config(api->cfg.alert_config_ctx, &config);
    sg_buf_puts(&x->out, "{\"cluster\":{\"peers\":[],\"status\":\"disabled\"},\"config\":{");
    sg__am_text(&x->out, "original", sg_buf_str(&config), false);
    sg_buf_putc(&x->out, '}');
    sg__am_time(&x->out, "uptime", api->cfg.started_ms, true);
    sg_buf_puts(&x->out, ",\"versionInfo\":{\"branch\":\"\",\"buildDate\":\"\",\"buildUser\":\"\","
                         "\"goVersion\":\"\",\"revision\":\"streamgauge-" SG_VERSION
                         "\",\"version\":\"" API_VERSION "\"}}\n");
}
