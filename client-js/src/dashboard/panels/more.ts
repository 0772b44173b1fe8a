/* more.ts - further panels, in one file like core.ts. */
export { panel as alertlist } from './alertlist.ts';
export { panel as barchart } from './barchart.ts';
export { panel as heatmap } from './heatmap.ts';
export { panel as histogram } from './histogram.ts';
export { panel as logs } from './logs.ts';
export { panel as piechart } from './pie.ts';
export { panel as stateTimeline } from './state-timeline.ts';
