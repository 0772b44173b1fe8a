/* core.ts - the panels most dashboards have, in one file: fewer requests, and it compresses better. */
export { panel as bargauge } from './bargauge.ts';
export { panel as gauge } from './gauge.ts';
export { panel as stat } from './stat.ts';
export { panel as table } from './table.ts';
export { panel as text } from './text.ts';
export { panel as timeseries } from './timeseries.ts';
