// The functions of d3-array that the page uses.
export function ticks(start: number, stop: number, count: number): number[];
export function bisectLeft(array: ArrayLike<number>, x: number): number;
