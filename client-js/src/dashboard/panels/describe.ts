/* describe.ts - a panel's data in words and as rows, for those who do not see the drawing. */
import { formatValue } from '../lib/format.ts';
import { blocksTable } from '../panel-data.ts';
import type { DataSeries, DataTable, PanelContext, PanelData } from './base.ts';

const NAMED = 4;

const allSeries = (data: PanelData | null): readonly DataSeries[] => data?.blocks.flatMap((b) => b.series) ?? [];

/** A reason of several lines, the first a text and then queries, in one. */
export const sentence = (reason: string): string => reason.replace(/[.:]?\n/, ': ').replace(/\n/g, ', ').replace(/[^.!?]$/, '$&.');

export function describeSeries(context: PanelContext, data: PanelData | null): string {
    const title = context.interpolate(context.model.title) || 'Panel';
    if (!data || data.state === 'loading')
        return `${title}: waiting for data.`;
    const series = allSeries(data);
    if (!series.length || data.state === 'empty')
        return `${title}: ${sentence(data.reason || 'no data')}`;
    const some = series.slice(0, NAMED).map((s) => `${s.name} ${formatValue(s.last, s.field.unit, s.field.decimals)}${s.stale ? ' (stale)' : ''}`);
    const range = Math.round((data.to - data.from) / 60_000);
    const low = series.reduce((m, s) => s.values.reduce((n, v) => (Number.isFinite(v) ? Math.min(n, v) : n), m), Infinity);
    const high = series.reduce((m, s) => s.values.reduce((n, v) => (Number.isFinite(v) ? Math.max(n, v) : n), m), -Infinity);
    const { unit, decimals } = series[0]!.field;
    const span = low <= high ? ` Between ${formatValue(low, unit, decimals)} and ${formatValue(high, unit, decimals)} over ${range} minutes.` : '';
    return `${title}: ${data.state === 'live' ? '' : `${data.state}: ${sentence(data.reason)} `}${some.join(', ')}${series.length > NAMED ? ` and ${series.length - NAMED} more` : ''}.${span}`;
}

export function seriesTable(data: PanelData | null): DataTable | null {
    return data ? blocksTable(data) : null;
}
