#!/usr/bin/env bash
# Makes the topics of Parley, for clusters where its processes may not: they make what is missing themselves, and check all at each start.
#
#   PREFIX=parley PARTITIONS=10 REPLICATION_FACTOR=3 create-topics.sh HOST:PORT [--command-config client.properties]
#
# The variables are those of PARLEY_PREFIX, PARLEY_PARTITIONS and PARLEY_KAFKA_REPLICATION_FACTOR. Needs Kafka's own kafka-topics.sh in the
# PATH. A topic that is there already is left as it is. src/adapters/kafka/event-log/topic-definitions.ts says why each setting is as it is.
set -euo pipefail

: "${1:?the first argument is a broker, HOST:PORT}"
bootstrap=$1
shift
options=("$@")
prefix=${PREFIX:-parley}
replicas=${REPLICATION_FACTOR:-3}
in_sync=$((replicas > 1 ? replicas - 1 : 1))

# create NAME PARTITIONS SETTING...
create() {
  local name=$1 partitions=$2 settings=() setting
  shift 2
  for setting in "$@"; do settings+=(--config "$setting"); done
  kafka-topics.sh --bootstrap-server "$bootstrap" "${options[@]}" --create --if-not-exists --topic "$prefix.$name" \
    --partitions "$partitions" --replication-factor "$replicas" "${settings[@]}"
}

common=(
  message.timestamp.type=LogAppendTime
  "min.insync.replicas=$in_sync"
  unclean.leader.election.enable=false
  max.message.bytes=8388608
  compression.type=producer
)
events=(cleanup.policy=delete retention.ms=-1 retention.bytes=-1 "${common[@]}")
keys=(
  cleanup.policy=compact
  max.compaction.lag.ms=3600000
  segment.ms=600000
  delete.retention.ms=86400000
  min.cleanable.dirty.ratio=0.01
  retention.ms=-1
  retention.bytes=-1
  "${common[@]}"
)

create connections 1 "${events[@]}"
create conversations "${PARTITIONS:-10}" "${events[@]}"
create spending 1 "${events[@]}"
create keys 1 "${keys[@]}"
