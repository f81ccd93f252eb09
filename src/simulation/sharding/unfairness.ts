/**
 * How many of those who come are refused by a shard that is full, in a steady state: Erlang's loss formula, which needs nothing but that clients come
 * independently of each other. How long they stay may be distributed in any way. `offered`: those who would be in if nobody were refused.
 */
export function erlangLoss(slots: number, offered: number): number {
  let loss = 1;
  for (let count = 1; count <= slots; count += 1) loss = (offered * loss) / (count + offered * loss);
  return loss;
}

/**
 * What sharding may cost at most: the share of all who come that is refused although one undivided log might have had room. Balls into bins: as clients
 * are dealt to shards by a hash, those who would be in a shard of q slots are Poisson distributed with mean a = load · q.
 *
 *     refused = P(X = q) / P(X ≤ q)                          Erlang's loss, X the number in a shard without a limit
 *             ≤ 2 P(X = q)                                   up to load 1, where the median of X is at most q
 *             ≤ √(2 / (π q)) · e^(−q (load − 1 − ln load))   q! ≥ √(2 π q) (q / e)^q
 *
 * Over load 1 slots are idle for no larger share of the time than at load 1, and sharding refuses no more than would have fitted there.
 */
export function unfairnessBound(slots: number, load: number): number {
  const atFullLoad = Math.sqrt(2 / (Math.PI * slots));
  if (load > 1) return atFullLoad / load;
  return atFullLoad * Math.exp(-slots * (load - 1 - Math.log(load)));
}
