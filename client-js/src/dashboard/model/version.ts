/* version.ts - which of Grafana's forms a document or a panel has. */
import { byName } from '../lib/names.ts';
import { at, isObject, string } from './json.ts';
import type { JsonObject } from './types.ts';

/** Panels that have another name now. */
export const RENAMED = byName({
    'graph': 'timeseries', 'singlestat': 'stat', 'grafana-singlestat-panel': 'stat', 'table-old': 'table', 'grafana-piechart-panel': 'piechart',
    'natel-discrete-panel': 'state-timeline', 'alertGroups': 'alertlist', 'singlestat2': 'stat', 'graph2': 'timeseries', 'savantly-heatmap-panel': 'heatmap',
});

export function isOld(panel: JsonObject): boolean {
    return string(panel['type']) in RENAMED || (panel['type'] === 'table' && Array.isArray(panel['styles']) && !panel['fieldConfig'])
        || (panel['type'] === 'text' && typeof panel['content'] === 'string' && at(panel, 'options.content') === undefined)
        || (panel['type'] === 'heatmap' && panel['dataFormat'] !== undefined && !at(panel, 'options.color')) || isObject(at(panel, 'options.fieldOptions'));
}

export function isV2(document: JsonObject): boolean {
    const spec = isObject(document['spec']) ? document['spec'] : document;
    return isObject(spec['elements']) && isObject(spec['layout']);
}
