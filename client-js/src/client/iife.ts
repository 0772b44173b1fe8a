/* iife.ts - the one file for <script>: `streamgauge.PushClient` and the rest of the package, and the notification service. */
export * from './index.ts';
export { NotificationService } from '../notify/compat.ts';
