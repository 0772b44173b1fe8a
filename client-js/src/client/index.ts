/* index.ts - the npm package `streamgauge`: everything public. */
export { PushClient } from './client.ts';
export { PushError } from './errors.ts';
export { MetricStreamClient } from './compat.ts';
export { reportWebVitals } from './vitals.ts';
export type * from './types.ts';
