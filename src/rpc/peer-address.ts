import { isIPv4, isIPv6 } from 'node:net';

/** Groups of an IPv6 address that a network has: its other half is chosen by each machine, as often as it likes. */
const networkGroups = 4;
const allGroups = 8;

/**
 * Whose attempts are counted together: the IPv4 address or the IPv6 network (/64) of a peer as grpc-js tells it, without the port. A peer
 * that has none (a Unix socket) is as it is told.
 */
export function peerAddress(peer: string): string {
  const host = peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const address = isIPv4(host) || isIPv6(host) ? host : peer;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [withoutZone = ''] = address.toLowerCase().split('%');
  const [left = '', right] = withoutZone.split('::');
  const groups = groupsOf(left);
  const ending = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: Math.max(0, allGroups - groups.length - ending.length) }, () => '0');
  const all = [...groups, ...zeros, ...ending].map((group) => group.replace(/^0+(?=.)/, ''));
  return `${all.slice(0, networkGroups).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
