// The functions of d3-format that the page uses.
export function format(specifier: string): (n: number) => string;
