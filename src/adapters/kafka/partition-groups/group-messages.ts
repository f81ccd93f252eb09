import { AssignerProtocol } from 'kafkajs';
import type { Claim, Sharing } from './share.ts';

const { MemberMetadata, MemberAssignment } = AssignerProtocol;

/** The one way of sharing that members offer, by name. Members that offer another are refused by Kafka while these are in the group. */
export const protocolName = 'parley-sticky';

/** What a member is given. */
export interface Share {
  readonly partitions: readonly number[];
  /** Whether this is it for now. If not, all join again at once. */
  readonly settled: boolean;
}

// In Kafka's own framing (ConsumerProtocolSubscription and …Assignment, version 0), so that its tools show who has what.
// User data: {"generation": of the claim, "partitions": […]}; {"settled": …}.

/** What a member says as it joins. */
export function encodeClaim(topic: string, generation: number, partitions: readonly number[]): Buffer {
  const userData = Buffer.from(JSON.stringify({ generation, partitions }));
  return MemberMetadata.encode({ version: 0, topics: [topic], userData });
}

/** What another member said. One of nothing intelligible claims nothing. */
export function decodeClaim(memberId: string, metadata: Buffer): Claim {
  const userData = MemberMetadata.decode(metadata)?.userData;
  if (userData === undefined || userData.length === 0) return { memberId, generation: 0, partitions: [] };
  const { generation, partitions } = JSON.parse(String(userData)) as Omit<Claim, 'memberId'>;
  return { memberId, generation, partitions };
}

/** What Kafka hands on to each member. */
export function encodeSharing(topic: string, { shares, settled }: Sharing): readonly EncodedShare[] {
  const userData = Buffer.from(JSON.stringify({ settled }));
  return Array.from(shares, ([memberId, partitions]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({ version: 0, assignment: { [topic]: [...partitions] }, userData }),
  }));
}

export interface EncodedShare {
  readonly memberId: string;
  readonly memberAssignment: Buffer;
}

export function decodeShare(topic: string, memberAssignment: Buffer): Share {
  const decoded = MemberAssignment.decode(memberAssignment);
  // Kafka sends no assignment to a member unknown to the leader: it has to rejoin.
  if (decoded === null) return { partitions: [], settled: false };
  const { settled } = JSON.parse(String(decoded.userData)) as { settled: boolean };
  return { partitions: decoded.assignment[topic] ?? [], settled };
}
