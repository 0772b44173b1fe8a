/* index.ts - the npm package `streamgauge`: everything public. */
export { PushClient } from './client.ts';
export { PushError } from './errors.ts';
export { reportWebVitals, type WebVitalsOptions } from './vitals.ts';
export { labelsKey } from './codec.ts';
export { durationMs } from './protocol.ts';
export type * from './types.ts';
