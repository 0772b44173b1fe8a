/* vitals.ts - what the visitor of a page experiences (LCP, INP, CLS, FCP, TTFB), reported when they leave. */
import type { PushClient } from './client.ts';
import type { Labels, Sample } from './types.ts';

interface ShiftEntry extends PerformanceEntry {
    hadRecentInput: boolean;
    value: number;
}

export interface WebVitalsOptions {
    /** On every sample, e.g. `{page: 'checkout'}`. Each combination is a series of the server: no ids. */
    labels?: Labels;
    /** One with the right `ingest` only, for it lies open in the page. Without: the client's own. */
    token?: string;
}

/** Call once per page. Returns what ends it. Metrics: web_vitals_{lcp,inp,fcp,ttfb}_seconds, web_vitals_cls. */
export function reportWebVitals(client: Pick<PushClient, 'report'>, { labels, token }: WebVitalsOptions = {}): () => void {
    const found = new Map<string, number>();
    const abort = new AbortController();
    const observers: PerformanceObserver[] = [];
    let shift = 0, shiftStart = 0, shiftEnd = 0; /* CLS: the worst window of at most 5 s, its shifts at most 1 s apart */

    function observe(type: string, take: (entry: PerformanceEntry) => void, more = {}): void {
        if (!PerformanceObserver.supportedEntryTypes?.includes(type))
            return;
        const observer = new PerformanceObserver((list) => list.getEntries().forEach(take));
        observer.observe({ type, buffered: true, ...more });
        observers.push(observer);
    }
    const seconds = (name: string, ms: number) => found.set(`web_vitals_${name}_seconds`, ms / 1000);

    observe('largest-contentful-paint', (e) => seconds('lcp', e.startTime));
    observe('paint', (e) => e.name === 'first-contentful-paint' && seconds('fcp', e.startTime));
    observe('navigation', (e) => seconds('ttfb', (e as PerformanceNavigationTiming).responseStart));
    observe('event', (e) => seconds('inp', Math.max(e.duration, (found.get('web_vitals_inp_seconds') ?? 0) * 1000)), { durationThreshold: 40 });
    observe('layout-shift', (entry) => {
        const e = entry as ShiftEntry;
        if (e.hadRecentInput)
            return;
        if (e.startTime - shiftEnd > 1000 || e.startTime - shiftStart > 5000) {
            shift = 0;
            shiftStart = e.startTime;
        }
        shiftEnd = e.startTime;
        shift += e.value;
        found.set('web_vitals_cls', Math.max(shift, found.get('web_vitals_cls') ?? 0));
    });

    function send(): void {
        if (document.visibilityState !== 'hidden' || !found.size)
            return;
        const samples: Sample[] = [...found].map(([metric, value]) => ({ metric, value, ...(labels ? { labels } : {}) }));
        found.clear();
        client.report(samples, { ...(token ? { token } : {}) }).catch(() => {}); /* nobody is there to read of it */
    }
    document.addEventListener('visibilitychange', send, { signal: abort.signal });
    return () => {
        abort.abort();
        observers.forEach((o) => o.disconnect());
    };
}
