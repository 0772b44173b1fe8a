/* consumer.ts - compiled against dist/types, as a project that installed the package: the public types say what the README does. */
import { PushClient, PushError, reportWebVitals, type Frame, type Subscription } from 'streamgauge';
import { MetricStreamClient, NotificationService } from 'streamgauge/compat';
import { NotificationCenter, startNotifications } from 'streamgauge/notifications';
import { WebPush, type PushState } from 'streamgauge/push';
import { usePush } from 'streamgauge/react';
import { pushStore } from 'streamgauge/svelte';

const client = new PushClient('https://ops.example', { token: async ({ reason, signal }) => (signal.aborted || reason === 'refused' ? null : 'token') });

export async function values(signal: AbortSignal): Promise<number | null> {
    await client.connect({ signal });
    const sub: Subscription = client.subscribe('up', (frame: Frame) => {
        for (const [time, row] of frame.points)
            frame.series.forEach((s) => s && console.log(time.toFixed(), s.labels['job']?.length, row[s.slot]?.toFixed()));
    }, { interval: '1s', history: '5m', maxRate: 10, signal });
    sub.on('gap', ({ from, to, filled }) => console.log(to - from, filled));
    await sub.ready.catch((e: PushError) => console.log(e.code, e.position, e.retryable));
    client.on('state', ({ state, retryAt }) => state === 'reconnecting' && retryAt);
    for await (const frame of client.stream('up', { overflow: 'drop-newest' }))
        return frame.value;
    return null;
}

// @ts-expect-error: an expression is text
client.subscribe(7, () => {});
// @ts-expect-error: there is no such event
client.on('nothing', () => {});
// @ts-expect-error: values cannot be written
client.subscribe('up', (frame) => { frame.values[0] = 1; });

new MetricStreamClient('ws://h/stream').subscribe('m', (value, timestamp) => (value ?? 0) + timestamp);
NotificationService.getInstance().addListener((n) => n.title.length);
reportWebVitals(client, { labels: { page: 'home' } });
void startNotifications(client).then(({ center }: { center: NotificationCenter }) => center.unread + 1);
void new WebPush().state().then((s: PushState) => s === 'denied');
export const component = () => usePush(client, 'up', { maxRate: 2 })?.value;
pushStore(client, 'up').subscribe((frame) => frame?.value);
