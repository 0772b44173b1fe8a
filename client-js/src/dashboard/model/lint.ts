/* lint.ts - what of a dashboard is not used here, by name and place. Nothing of it is lost: a document is saved as it came. */
import { knowsUnit } from '../lib/format.ts';
import { byName } from '../lib/names.ts';
import { panelType } from '../panels/registry.ts';
import { calc } from './calcs.ts';
import { knowsColorMode } from './display.ts';
import { KNOWN_MATCHERS, KNOWN_PROPERTIES } from './field.ts';
import { at, isObject, object, objects, string, strings } from './json.ts';
import { isOld } from './version.ts';
import { KNOWN_TRANSFORMATIONS } from './transform.ts';
import type { Dashboard, Json, JsonObject, LintNote, PanelModel } from './types.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/* Used, or without meaning for what is shown. */
const DASHBOARD = words('uid title description tags time refresh templating links panels rows version x-push id schemaVersion style timezone editable gnetId '
    + 'iteration graphTooltip hideControls sharedCrosshair __inputs __requires __elements timepicker fiscalYearStartMonth weekStart liveNow originalTitle revision preload');
const PANEL = words('id type title description gridPos targets fieldConfig options transformations links timeFrom timeShift hideTimeOverride repeat repeatDirection '
    + 'maxPerRow transparent collapsed panels pluginVersion datasource interval maxDataPoints cacheTimeout x-push libraryPanel scopedVars repeatIteration '
    + 'repeatPanelId repeatedByRow editable error span height queryCachingTTL');
/* Of panels of early versions: what old.ts does not read. */
const OLD_LOST = ['alert', 'timeRegions', 'legend.hideEmpty', 'legend.hideZero'];
const TARGET = words('refId expr legendFormat instant range format hide interval datasource intervalFactor step editorMode exemplar metric requestId key '
    + 'useBackend disableTextWrap fullMetaSearch includeNullMetadata expression queryType qryType application target type stack url query');
const DEFAULTS = words('unit decimals min max noValue displayName displayNameFromDS mappings thresholds color links custom unitScale nullValueMode fieldMinMax description');
/* What panels read from `custom` and from `options`. */
const CUSTOM = byName({
    'timeseries': words('drawStyle lineInterpolation lineWidth lineStyle fillOpacity gradientMode showPoints pointSize spanNulls stacking axisPlacement axisLabel '
        + 'axisSoftMin axisSoftMax axisCenteredZero scaleDistribution thresholdsStyle hideFrom barAlignment barWidthFactor transform hidden'),
    'table': words('cellOptions displayMode width hidden hideFrom footer'),
    'barchart': words('fillOpacity hideFrom hidden'), 'histogram': words('fillOpacity hideFrom hidden'), 'state-timeline': words('fillOpacity hideFrom hidden'),
    'piechart': words('hideFrom hidden'),
});
const OPTIONS = byName({
    'timeseries': words('legend tooltip'),
    'stat': words('reduceOptions orientation textMode colorMode graphMode text showPercentChange'),
    'gauge': words('reduceOptions orientation showThresholdLabels showThresholdMarkers'),
    'bargauge': words('reduceOptions orientation displayMode showUnfilled'),
    'table': words('showHeader footer sortBy cellHeight'),
    'text': words('content mode'),
    'piechart': words('reduceOptions pieType displayLabels legend tooltip sort'),
    'barchart': words('barWidth groupWidth legend orientation showValue stacking xField tooltip'),
    'histogram': words('bucketCount bucketOffset bucketSize combine legend tooltip'),
    'heatmap': words('calculate calculation cellGap color legend yAxis tooltip'),
    'state-timeline': words('alignValue legend mergeValues rowHeight showValue tooltip'),
    'status-history': words('legend rowHeight showValue tooltip'),
    'geomap': words('view layers'),
    'flamegraph': words('text url'),
    'logs': words('dedupStrategy enableLogDetails filter showLabels showTime sortOrder wrapLogMessage'),
    'alertlist': words('maxItems sortOrder viewMode stateFilter alertInstanceLabelFilter alertName'),
});
/* How small a panel may get, which frame is edited: nothing anybody sees here. */
const UNSEEN = words('minVizHeight minVizWidth maxVizHeight sizing wideLayout frameIndex alertThreshold');
/** Values that say no more than nothing does. */
const asUsual = (v: Json | undefined): boolean => v === undefined || v === null || v === false || v === '' || v === 0 || v === 'auto' || v === 'text' || v === 'standard' || v === 'color'
    || (typeof v === 'object' && (at(v, 'showLegend') === false || Object.values(v).every((x) => asUsual(x as Json))));
const MAPPINGS = words('value range regex special 1 2');
const VARIABLES = words('query custom constant interval textbox datasource');

export function lintDashboard(d: Dashboard): LintNote[] {
    const notes: LintNote[] = [];
    unknown(d.source, DASHBOARD, '', notes, new Set(['annotations']));
    for (const [i, a] of objects(at(d.source, 'annotations.list')).entries())
        if (!Number(a['builtIn'] ?? 0))
            note(notes, `annotations.list[${i}]`, `annotations are not drawn ("${string(a['name'])}")`);
    const zone = string(d.source['timezone']);
    if (zone && zone !== 'browser')
        note(notes, 'timezone', `"${zone}" is not used: times are those of who looks`, 'changed');
    d.variables.forEach((v, i) => {
        if (!VARIABLES.has(v.type))
            note(notes, `templating.list[${i}]`, `variables of type "${v.type}" are not filled in ($${v.name})`);
    });
    const seen = new Set<string>();
    d.panels.forEach((p, i) => lintPanel(p, `panels[${i}]`, notes, seen));
    return notes;
}

function note(notes: LintNote[], place: string, text: string, level: LintNote['level'] = 'ignored'): void {
    notes.push({ level, place, text });
}

function unknown(o: JsonObject, known: ReadonlySet<string>, place: string, notes: LintNote[], also: ReadonlySet<string> = new Set()): void {
    for (const key of Object.keys(o))
        if (!known.has(key) && !also.has(key))
            note(notes, place ? `${place}.${key}` : key, 'not used here');
}

/** As unknown(), but what is as usual, or unseen, is not worth a word. */
function unused(o: JsonObject, known: ReadonlySet<string> | undefined, place: string, notes: LintNote[]): void {
    for (const key of Object.keys(known ? o : {}))
        if (!known!.has(key) && !UNSEEN.has(key) && !asUsual(o[key]) && !(key === 'lineWidth' && o[key] === 1))
            note(notes, `${place}.${key}`, 'not used here');
}

function lintPanel(p: PanelModel, place: string, notes: LintNote[], seen: Set<string>): void {
    if (p.type === 'row') {
        p.panels.forEach((q, i) => lintPanel(q, `${place}.panels[${i}]`, notes, seen));
        return;
    }
    if (!panelType(p.type))
        note(notes, `${place}.type`, `there is no panel "${p.type}" here: its place shows its name`, 'error');
    const old = isOld(p.source);
    if (!old) {
        unknown(p.source, PANEL, place, notes);
        unknown(object(at(p.source, 'fieldConfig.defaults')), DEFAULTS, `${place}.fieldConfig.defaults`, notes);
        unused(p.defaults.custom, CUSTOM[p.type], `${place}.fieldConfig.defaults.custom`, notes);
        unused(p.options, OPTIONS[p.type], `${place}.options`, notes);
    }
    if (old)
        lintOld(p.source, place, notes);
    lintQueries(p, place, notes, seen, old);
    lintFields(p, place, notes);
    p.transformations.forEach((t, i) => {
        const mode = string(t.options['mode'], 'reduceRow');
        if (!KNOWN_TRANSFORMATIONS.has(t.id))
            note(notes, `${place}.transformations[${i}]`, `"${t.id}" is not applied`);
        else if (t.id === 'calculateField' && mode !== 'binary' && mode !== 'reduceRow')
            note(notes, `${place}.transformations[${i}].options.mode`, `"${mode}" is not calculated`);
    });
}

function lintOld(p: JsonObject, place: string, notes: LintNote[]): void {
    for (const path of OLD_LOST)
        if (!asUsual(at(p, path)))
            note(notes, `${place}.${path}`, 'not used here');
    if (p['nullPointMode'] === 'null as zero')
        note(notes, `${place}.nullPointMode`, 'nothing is not drawn as zero', 'changed');
    if ((p['prefix'] || p['postfix']) && p['format'] && p['format'] !== 'none')
        note(notes, `${place}.postfix`, 'beside a unit it is not shown');
}

function lintQueries(p: PanelModel, place: string, notes: LintNote[], seen: Set<string>, old: boolean): void {
    const refIds = new Set<string>();
    p.targets.forEach((t, i) => {
        const here = `${place}.targets[${i}]`;
        if (t.foreign)
            note(notes, here, `asks ${t.foreign}: only PromQL is answered here`, p.type === 'logs' ? 'changed' : 'error');
        if (refIds.has(t.refId))
            note(notes, `${here}.refId`, `"${t.refId}" is there twice`, 'error');
        refIds.add(t.refId);
        if (!old && isObject(objects(p.source['targets'])[i]))
            unknown(objects(p.source['targets'])[i]!, TARGET, here, notes);
    });
    const datasource = string(at(p.source, 'datasource.uid')) || (typeof p.source['datasource'] === 'string' ? p.source['datasource'] : '');
    if (datasource && !/^(\$|-- |grafana$|prometheus|streamgauge)/i.test(datasource) && !seen.has(datasource)) {
        seen.add(datasource);
        note(notes, `${place}.datasource`, `data source "${datasource}" is this server here`, 'changed');
    }
}

function lintFields(p: PanelModel, place: string, notes: LintNote[]): void {
    if (!knowsUnit(p.defaults.unit))
        note(notes, `${place}.fieldConfig.defaults.unit`, `unknown unit "${p.defaults.unit}": shown behind the number as it is`, 'changed');
    if (!knowsColorMode(p.defaults.color.mode))
        note(notes, `${place}.fieldConfig.defaults.color.mode`, `"${p.defaults.color.mode}" is not known: coloured by thresholds`, 'changed');
    objects(at(p.source, 'fieldConfig.defaults.mappings')).forEach((m, i) => {
        if (!MAPPINGS.has(string(m['type'], '1')))
            note(notes, `${place}.fieldConfig.defaults.mappings[${i}]`, `mappings of type "${string(m['type'])}" are not used here`);
    });
    strings(at(p.options, 'reduceOptions.calcs')).forEach((id, i) => {
        if (!calc(id))
            note(notes, `${place}.options.reduceOptions.calcs[${i}]`, `"${id}" is not known: the last value is shown`, 'changed');
    });
    p.overrides.forEach((o, i) => {
        const here = `${place}.fieldConfig.overrides[${i}]`;
        if (!KNOWN_MATCHERS.has(o.matcher.id))
            note(notes, `${here}.matcher`, `"${o.matcher.id}" matches nothing here`);
        for (const { id, value } of o.properties) {
            if (id.startsWith('custom.') ? !(CUSTOM[p.type]?.has(id.split('.')[1]!) ?? true) && !asUsual(value) : !KNOWN_PROPERTIES.has(id))
                note(notes, `${here}.properties`, `"${id}" is not used here`);
            else if (id === 'unit' && !knowsUnit(string(value)))
                note(notes, `${here}.properties`, `unknown unit "${string(value)}"`, 'changed');
        }
    });
}
