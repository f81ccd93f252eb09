import { isIP, isIPv4 } from 'node:net';

/** Where to listen. Port 0 takes any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Whether only this machine can reach what listens there. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** Both ends included. */
export interface DelayRangeMs {
  readonly min: number;
  readonly max: number;
}

/** How the text of a setting becomes its value. */
export interface ValueType<T> {
  /** What is expected, with its unit: ends the sentence "expected …". */
  readonly expected: string;
  /** undefined when the text is not what is expected. */
  parse(text: string): T | undefined;
}

/** Any text, kept as it is but for white space around it. */
export function text(expected: string, maxLength: number): ValueType<string> {
  const valid = (value: string) => (value.length <= maxLength ? value : undefined);
  return { expected: `${expected}, at most ${maxLength} characters`, parse: valid };
}

/** A text of one shape. */
export function matching(expected: string, pattern: RegExp): ValueType<string> {
  return { expected, parse: (value) => (pattern.test(value) ? value : undefined) };
}

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): ValueType<W> {
  return { expected: words.join(' or '), parse: (value) => words.find((word) => word === value) };
}

export const boolean: ValueType<boolean> = {
  expected: 'true or false',
  parse: (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
};

/** A whole number, both ends included; the unit is a noun in the plural, such as `milliseconds`. */
export function integer(min: number, max: number, unit: string): ValueType<number> {
  return { expected: `${unit}, a whole number from ${min} to ${max}`, parse: (value) => parseInteger(value, min, max) };
}

/** A whole number, or one word that stands for what no number says. */
export function integerOr<const W extends string>(min: number, max: number, word: W): ValueType<number | W> {
  return {
    expected: `a whole number from ${min} to ${max}, or ${word}`,
    parse: (value) => (value === word ? word : parseInteger(value, min, max)),
  };
}

/** `500`, or `0-1000`: from, to. */
export function rangeMs(max: number): ValueType<DelayRangeMs> {
  return {
    expected: `milliseconds, a whole number from 0 to ${max} or a range such as 0-1000`,
    parse: (value) => {
      const [from, to, ...rest] = value.split('-').map((end) => parseInteger(end, 0, max));
      if (from === undefined || rest.length > 0) return undefined;
      if (!value.includes('-')) return { min: from, max: from };
      return to === undefined || to < from ? undefined : { min: from, max: to };
    },
  };
}

/** Values divided by commas, at least one, none twice. */
export function listOf<T>(item: ValueType<T>): ValueType<readonly T[]> {
  return {
    expected: `one or more, divided by commas, of: ${item.expected}`,
    parse: (value) => {
      const items = value.split(',').map((one) => item.parse(one.trim()));
      const good = items.filter((one) => one !== undefined);
      return good.length === items.length && new Set(good).size === good.length ? good : undefined;
    },
  };
}

const ipv6Address = /^\[(?<host>[0-9a-fA-F:.]+)\]:(?<port>\d+)$/;
const nameAddress = /^(?<host>[0-9a-zA-Z._-]+):(?<port>\d+)$/;
const maxPort = 65_535;

export const listenAddress: ValueType<ListenAddress> = {
  expected: 'host:port, such as 127.0.0.1:50051 or [::1]:50051; port 0 takes any free one',
  parse: (value) => {
    const { host, port } = (ipv6Address.exec(value) ?? nameAddress.exec(value))?.groups ?? {};
    const number = parseInteger(port ?? '', 0, maxPort);
    return host === undefined || number === undefined ? undefined : { host, port: number };
  },
};

/** An IP address, or all that begin alike: `10.0.0.0/8`. */
export const addressRange: ValueType<string> = {
  expected: 'an IP address or a range such as 10.0.0.0/8 or fd00::/8',
  parse: (value) => {
    const [address = '', prefix, ...rest] = value.split('/');
    if (isIP(address) === 0 || address.includes('%') || rest.length > 0) return undefined;
    const isRange = prefix === undefined || parseInteger(prefix, 0, isIPv4(address) ? 32 : 128) !== undefined;
    return isRange ? value : undefined;
  },
};

/** The value has no slash at its end. A user name or password in it is refused: it would be shown. */
export const httpUrl: ValueType<string> = {
  expected: 'an http:// or https:// URL without user name, query and fragment',
  parse: (value) => {
    const url = URL.parse(value);
    if (url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
    return value.replace(/\/+$/, '');
  },
};

/** Of a web page, exactly as a browser tells it. */
export const webOrigin: ValueType<string> = {
  expected: 'an origin as browsers write it, such as https://chat.example.org, without a path and a default port',
  parse: (value) => (/^https?:/.test(value) && URL.parse(value)?.origin === value ? value : undefined),
};

function parseInteger(value: string, min: number, max: number): number | undefined {
  if (!/^(0|[1-9]\d{0,14})$/.test(value)) return undefined;
  const number = Number(value);
  return number >= min && number <= max ? number : undefined;
}
