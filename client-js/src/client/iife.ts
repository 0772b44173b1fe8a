/* iife.ts - the one file for <script>: `streamgauge.PushClient` and the rest, the simple form's classes too. */
export * from './index.ts';
export { MetricStreamClient, NotificationService } from './compat.ts';
