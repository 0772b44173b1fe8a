/* index.ts - `streamgauge/notifications`. */
export { NotificationCenter, type CenterEvents, type CenterOptions } from './center.ts';
export { startNotifications, type Service, type ServiceOptions } from './service.ts';
export { CRITICAL_MUTE_MS, DEFAULTS, isMuted, route } from './route.ts';
export { openStore, type Store } from './store.ts';
export { Sound, type SoundOptions } from './sound.ts';
export { favicon, setBadge } from './badge.ts';
export { hideDesktop, safeLink, showDesktop } from './actions.ts';
export type * from './types.ts';
