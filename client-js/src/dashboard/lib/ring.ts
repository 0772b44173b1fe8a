/* ring.ts - the newest points of the series of one target: one column of times, one of values per series. Views of it are
 * contiguous: the arrays are twice as long as what is kept, and what is kept moves to the front when they are full. */

export class Ring {
    readonly capacity: number;
    private times: Float64Array;
    private columns: Float64Array[] = [];
    private end = 0;
    private n = 0;

    constructor(capacity: number) {
        this.capacity = Math.max(1, capacity);
        this.times = new Float64Array(2 * this.capacity);
    }

    get length(): number {
        return this.n;
    }

    get width(): number {
        return this.columns.length;
    }

    /** A further column, NaN so far. Returns its index. */
    addColumn(): number {
        return this.columns.push(new Float64Array(2 * this.capacity).fill(NaN)) - 1;
    }

    clear(): void {
        this.end = this.n = 0;
    }

    /** Begins a row; every column is NaN (nothing) in it until set. A row at the newest row's time is that row. */
    push(time: number): void {
        if (this.n && time === this.times[this.end - 1])
            return;
        if (this.end === 2 * this.capacity) {
            const keep = Math.min(this.n, this.capacity - 1);
            for (const column of [this.times, ...this.columns])
                column.copyWithin(0, this.end - keep, this.end);
            this.end = this.n = keep;
        }
        this.times[this.end] = time;
        for (const column of this.columns)
            column[this.end] = NaN;
        this.end++;
        this.n = Math.min(this.n + 1, this.capacity);
    }

    /** Sets a value of the newest row. */
    set(column: number, value: number): void {
        this.columns[column]![this.end - 1] = value;
    }

    /** Sets a value of the row of that time, if there is one. */
    setAt(column: number, time: number, value: number): void {
        let from = this.end - this.n, until = this.end;
        while (from < until) {
            const middle = (from + until) >> 1;
            if (this.times[middle]! < time)
                from = middle + 1;
            else
                until = middle;
        }
        if (from < this.end && this.times[from] === time)
            this.columns[column]![from] = value;
    }

    /** Nothing in all rows of a column. */
    blank(column: number): void {
        this.columns[column]!.fill(NaN);
    }

    /** Valid until the next push. */
    timesView(): Float64Array {
        return this.times.subarray(this.end - this.n, this.end);
    }

    columnView(column: number): Float64Array {
        return this.columns[column]!.subarray(this.end - this.n, this.end);
    }
}
