/* sse-parser.ts - the event stream format of the HTML standard, for bodies read with fetch. */

export interface SseEvent {
    event: string;
    data: string;
}

export class SseParser {
    private _rest = '';
    private _event = '';
    private _data = '';

    constructor(private readonly _onEvent: (event: SseEvent) => void) {}

    /** Takes decoded text, cut anywhere. */
    push(text: string): void {
        const all = this._rest + text;
        /* A CR at the very end may be half of a CRLF. */
        const end = all.endsWith('\r') ? all.length - 1 : all.length;
        const lines = all.slice(0, end).split(/\r\n|\n|\r/);
        this._rest = lines.pop()! + all.slice(end);
        for (const line of lines)
            this._line(line);
    }

    private _line(line: string): void {
        if (!line) {
            if (this._data)
                this._onEvent({ event: this._event || 'message', data: this._data.slice(0, -1) });
            this._event = this._data = '';
            return;
        }
        const colon = line.indexOf(':');
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
        if (name === 'event')
            this._event = value;
        else if (name === 'data')
            this._data += value + '\n';
    }
}
