/**
 * Strings that stand in most records, written as their index. The order is part of the file format: entries are only
 * ever added at the end, and a string that is not here is written out, so the list is never wrong, only longer or
 * shorter.
 */
export const wellKnownStrings: readonly string[] = [
  'ce_specversion',
  'ce_id',
  'ce_source',
  'ce_type',
  'ce_time',
  'ce_subject',
  'ce_dataschema',
  'content-type',
  'traceparent',
  '1.0',
  'parley',
  'application/protobuf',
  'chat_events.v1.ConnectionRequested',
  'chat_events.v1.ConnectionSpoke',
  'chat_events.v1.ConnectionClosed',
  'chat_events.v1.GatewayStarted',
  'chat_events.v1.GatewayBeat',
  'chat_events.v1.GatewayStopped',
  'chat_events.v1.ConversationStarted',
  'chat_events.v1.MessageReceived',
  'chat_events.v1.WorkerClaimed',
  'chat_events.v1.ReplyStarted',
  'chat_events.v1.ReplyCompleted',
  'chat_events.v1.ReplyFailed',
  'chat_events.v1.StopRequested',
  'chat_events.v1.ConversationRenamed',
  'chat_events.v1.ConversationDeleted',
  'chat_events.v1.ReplyProgress',
];
