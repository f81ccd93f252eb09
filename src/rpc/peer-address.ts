import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';

/** Metadata by which the door for browsers proves that a call comes through it. */
export const doorKeyHeader = 'x-parley-door';

const forwardedHeader = 'x-forwarded-for';

/** Groups of an IPv6 address that a network has: its other half is chosen by each machine, as often as it likes. */
const networkGroups = 4;
const allGroups = 8;

/** A call, as far as it tells who makes it. */
export interface AddressedCall {
  getPeer(): string;
  readonly metadata: Metadata;
}

/** Addresses and ranges, such as `10.0.0.0/8`. */
export class AddressRanges {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  constructor(ranges: readonly string[]) {
    this.isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const [address = '', prefixBits] = range.split('/');
      const family = familyOf(address);
      if (prefixBits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefixBits), family);
    }
  }

  /** An IPv4 address may be written as IPv6. */
  has(address: string): boolean {
    const plain = addressIn(address);
    return plain !== undefined && this.#list.check(plain, familyOf(plain));
  }
}

const loopback = new AddressRanges(['127.0.0.0/8', '::1']);

/** What is counted as one: an IPv4 address, or the IPv6 network (/64) of an address; what is neither, as it is. */
export function countedAddress(address: string): string {
  const plain = addressIn(address);
  return plain === undefined ? address : counted(plain);
}

export interface CallAddressOptions {
  /** Addresses of proxies. */
  readonly trusted: AddressRanges;
  /** How many proxies a call comes through at most. */
  readonly trustedHops: number;
  /** What the door for browsers, which is always trusted, sends as `x-parley-door`. */
  readonly doorKey: string;
}

/**
 * Where calls come from: the peer's address, or, when the peer is a trusted proxy, what it says. Each proxy appends the address that a call came to
 * it from to `x-forwarded-for`. So the list is read from its end: only while whoever wrote an entry is trusted, and never more entries than
 * there are proxies. What is left of these a client wrote, and trusted addresses are among what it may write, or be.
 */
export class CallAddresses {
  readonly #options: CallAddressOptions;

  constructor(options: CallAddressOptions) {
    this.#options = options;
  }

  /** Whose attempts are counted together: the IPv4 address or the IPv6 network (/64) that the call comes from. */
  of(call: AddressedCall): string {
    const { address } = this.#find(call);
    return address === undefined ? call.getPeer() : counted(address);
  }

  /**
   * The same, where it is one client's: undefined for this machine's own addresses and for those of proxies, which all of their clients have. A proxy that
   * nobody named is told by what it forwards, while no proxy is named: a client that writes such a header itself is then counted by its id alone.
   */
  ofClient(call: AddressedCall): string | undefined {
    const { trusted } = this.#options;
    const { address, hops, before } = this.#find(call);
    if (address === undefined || loopback.has(address)) return undefined;
    const isProxy = hops === 0 && trusted.has(address);
    if (isProxy) return undefined;
    return trusted.isEmpty && before.length > 0 ? undefined : counted(address);
  }

  /** The address, how many proxies told it, and what stands before it in the list: what nobody is believed. */
  #find(call: AddressedCall): {
    readonly address: string | undefined;
    readonly hops: number;
    readonly before: readonly string[];
  } {
    const { trusted, trustedHops, doorKey } = this.#options;
    const before = call.metadata.get(forwardedHeader).flatMap((value) => String(value).split(','));
    const comesByDoor = call.metadata.get(doorKeyHeader).join() === doorKey;
    let address = comesByDoor ? addressIn(before.pop()) : addressOfPeer(call.getPeer());
    let hops = 0;
    for (; hops < trustedHops && address !== undefined && trusted.has(address); hops += 1) {
      const said = addressIn(before.pop());
      // Who writes what is no address is not believed further.
      if (said === undefined) break;
      address = said;
    }
    return { address, hops, before };
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** As grpc-js tells it: with a port, and IPv6 without brackets. undefined for what has no address, such as a Unix socket. */
function addressOfPeer(peer: string): string | undefined {
  return addressIn(peer.replace(/:\d+$/, '')) ?? addressIn(peer);
}

/** As proxies write it: some with a port, and then IPv6 in brackets. */
function addressIn(text = ''): string | undefined {
  const entry = text.trim();
  const [, bracketed, dotted] = /^(?:\[(.*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  const [address = ''] = (bracketed ?? dotted ?? entry).split('%');
  if (isIP(address) === 0) return undefined;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** One machine may have all addresses of its IPv6 network. */
function counted(address: string): string {
  return isIPv6(address) ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [left = '', right] = address.toLowerCase().split('::');
  const groups = groupsOf(left);
  const ending = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: Math.max(0, allGroups - groups.length - ending.length) }, () => '0');
  const all = [...groups, ...zeros, ...ending].map((group) => group.replace(/^0+(?=.)/, ''));
  return `${all.slice(0, networkGroups).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
