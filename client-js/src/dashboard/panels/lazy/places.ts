/* places.ts - where a series lies: by its labels for latitude and longitude, country (ISO codes, names) or region of a cloud. */
import type { Labels } from '../../../client/index.ts';
import { object, string } from '../../model/json.ts';
import type { JsonObject } from '../../model/types.ts';

export interface Place {
    readonly lon: number;
    readonly lat: number;
    /** ISO 3166-1 alpha-2; '' : a point. */
    readonly country: string;
}

const LATITUDE = ['latitude', 'lat', 'geo_lat'];
const LONGITUDE = ['longitude', 'lon', 'lng', 'long', 'geo_lon'];
const LOOKUP = ['country_code', 'countryCode', 'country_iso', 'country', 'geo', 'region', 'cloud_region', 'location'];

/** The atlas of world.json: lines of "DE DEU 10.3 51.1", and words of "region longitude latitude". */
export class Places {
    private readonly byCode = new Map<string, Place>();
    private names: Map<string, Place> | null = null;

    constructor(countries: string, regions: string) {
        for (const line of countries.split('\n')) {
            const [two, three, lon, lat] = line.split(' ') as [string, string, string, string];
            const place = { lon: Number(lon), lat: Number(lat), country: two };
            this.byCode.set(two, place);
            this.byCode.set(three, place);
        }
        const words = regions.split(' ');
        for (let i = 0; i + 2 < words.length; i += 3)
            this.byCode.set(words[i]!.toUpperCase(), { lon: Number(words[i + 1]), lat: Number(words[i + 2]), country: '' });
    }

    /** A country's code or English name, a region, "US-CA" (its country). */
    lookup(text: string): Place | null {
        const word = text.trim().toUpperCase();
        return this.byCode.get(word) ?? this.byName(word) ?? (/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(word) ? this.byCode.get(word.slice(0, 2)) : undefined)
            ?? this.byCode.get(word.replace(/[ _-]+/g, '')) ?? this.byCode.get(word.replace(/-?[A-F]$/, '')) /* a zone of a region */ ?? null;
    }

    private byName(word: string): Place | undefined {
        if (!this.names) {
            this.names = new Map();
            const spell = new Intl.DisplayNames(['en'], { type: 'region' });
            for (const [code, place] of this.byCode)
                if (/^[A-Z]{2}$/.test(code))
                    this.names.set((spell.of(code) ?? code).toUpperCase(), place);
        }
        return this.names.get(word);
    }

    /** `location`: that of a layer of Grafana's geomap. null: no label tells. */
    find(labels: Labels, location: JsonObject = {}): Place | null {
        const mode = string(location['mode'], 'auto');
        const pick = (names: readonly string[]) => names.find((n) => labels[n] !== undefined && labels[n] !== '');
        if (mode !== 'lookup') {
            const lat = pick(mode === 'coords' && location['latitude'] ? [string(location['latitude'])] : LATITUDE);
            const lon = pick(mode === 'coords' && location['longitude'] ? [string(location['longitude'])] : LONGITUDE);
            const y = Number(labels[lat ?? ''] ?? NaN), x = Number(labels[lon ?? ''] ?? NaN);
            if (Math.abs(y) <= 90 && Math.abs(x) <= 180)
                return { lat: y, lon: x, country: '' };
        }
        for (const name of mode === 'lookup' && location['lookup'] ? [string(location['lookup'])] : LOOKUP) {
            const place = labels[name] ? this.lookup(labels[name]) : null;
            if (place)
                return place;
        }
        return null;
    }
}

/** The name people know a code by. */
export function countryName(code: string): string {
    try {
        return new Intl.DisplayNames(['en'], { type: 'region' }).of(code) ?? code;
    } catch {
        return code;
    }
}

/** What the first layer that shows data says. */
export function layerOf(options: JsonObject): { type: string; location: JsonObject; style: JsonObject } {
    const layers = Array.isArray(options['layers']) ? options['layers'] : [];
    const layer = object(layers[0]);
    return { type: string(layer['type']), location: object(layer['location']), style: object(object(layer['config'])['style']) };
}
