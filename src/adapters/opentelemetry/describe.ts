import { type Attributes, SpanKind } from '@opentelemetry/api';
import {
  ATTR_CLOUDEVENTS_EVENT_TYPE,
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_TYPE,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_REQUEST_STREAM,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  ATTR_GEN_AI_SYSTEM,
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_KAFKA_OFFSET,
  ATTR_MESSAGING_MESSAGE_CONVERSATION_ID,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_MESSAGING_SYSTEM_NAME,
  ATTR_RPC_METHOD,
  ATTR_RPC_SYSTEM_NAME,
  GEN_AI_OPERATION_NAME_VALUE_CHAT,
  GEN_AI_OUTPUT_TYPE_VALUE_IMAGE,
  GEN_AI_OUTPUT_TYPE_VALUE_SPEECH,
  GEN_AI_OUTPUT_TYPE_VALUE_TEXT,
  MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
  MESSAGING_OPERATION_TYPE_VALUE_SEND,
} from '@opentelemetry/semantic-conventions/incubating';
import type { Outcome, Step } from '../../ports/tracing.ts';

/** What this process's spans are about. */
export interface Surroundings {
  readonly log: 'kafka' | 'sqlite';
  /** The kind of the provider. */
  readonly provider: string;
}

export interface SpanDescription {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

const outputTypes = {
  text: GEN_AI_OUTPUT_TYPE_VALUE_TEXT,
  voice: GEN_AI_OUTPUT_TYPE_VALUE_SPEECH,
  video: GEN_AI_OUTPUT_TYPE_VALUE_IMAGE,
} as const;

const msPerSecond = 1_000;

/**
 * A span by OpenTelemetry's semantic conventions, release 1.45: RPC, messaging, generative AI, CloudEvents. Recently replaced names (`messaging.system`,
 * `gen_ai.system`) are set, too, as most viewers know only these.
 */
export function describe(step: Step, surroundings: Surroundings): SpanDescription {
  switch (step.type) {
    case 'receive':
      return {
        name: 'SendMessage',
        kind: SpanKind.SERVER,
        attributes: { [ATTR_RPC_SYSTEM_NAME]: 'grpc', [ATTR_RPC_METHOD]: `chat.v1.ChatService/${step.method}` },
      };
    case 'append':
      return describeAppend(step, surroundings);
    case 'process':
      return describeProcess(step, surroundings);
    case 'ask':
      return describeAsk(step, surroundings);
    case 'deliver':
      return { name: 'DeliverReply', kind: SpanKind.INTERNAL, attributes: idsOf(step) };
    default:
      return step satisfies never;
  }
}

/** What the outcome adds. */
export function attributesOf(outcome: Outcome, { log }: Pick<Surroundings, 'log'>): Attributes {
  const { error, offset, firstPieceMs } = outcome;
  return {
    ...idsOf(outcome),
    ...(error === undefined ? {} : { [ATTR_ERROR_TYPE]: error }),
    ...(offset === undefined ? {} : offsetOf(offset, log)),
    ...(firstPieceMs === undefined ? {} : { [ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK]: firstPieceMs / msPerSecond }),
  };
}

function describeAppend(step: Extract<Step, { type: 'append' }>, surroundings: Surroundings): SpanDescription {
  const { topic, partition, key, event, messageId } = step;
  return {
    name: `send ${topic}`,
    kind: SpanKind.PRODUCER,
    attributes: {
      ...placeOf(topic, partition, surroundings),
      ...idsOf({ messageId, conversationId: key }),
      [ATTR_MESSAGING_OPERATION_NAME]: 'send',
      [ATTR_MESSAGING_OPERATION_TYPE]: MESSAGING_OPERATION_TYPE_VALUE_SEND,
      [ATTR_CLOUDEVENTS_EVENT_TYPE]: `chat_events.v1.${event}`,
    },
  };
}

function describeProcess(step: Extract<Step, { type: 'process' }>, surroundings: Surroundings): SpanDescription {
  const { topic, partition, offset, group } = step;
  return {
    name: `process ${topic}`,
    kind: SpanKind.CONSUMER,
    attributes: {
      ...placeOf(topic, partition, surroundings),
      ...offsetOf(offset, surroundings.log),
      ...idsOf(step),
      [ATTR_MESSAGING_OPERATION_NAME]: 'process',
      [ATTR_MESSAGING_OPERATION_TYPE]: MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
      [ATTR_MESSAGING_CONSUMER_GROUP_NAME]: group,
    },
  };
}

function describeAsk(step: Extract<Step, { type: 'ask' }>, { provider }: Surroundings): SpanDescription {
  return {
    name: `${GEN_AI_OPERATION_NAME_VALUE_CHAT} ${step.model}`,
    kind: SpanKind.CLIENT,
    attributes: {
      [ATTR_GEN_AI_OPERATION_NAME]: GEN_AI_OPERATION_NAME_VALUE_CHAT,
      [ATTR_GEN_AI_PROVIDER_NAME]: provider,
      [ATTR_GEN_AI_SYSTEM]: provider,
      [ATTR_GEN_AI_REQUEST_MODEL]: step.model,
      [ATTR_GEN_AI_REQUEST_STREAM]: true,
      [ATTR_GEN_AI_OUTPUT_TYPE]: outputTypes[step.output],
      [ATTR_GEN_AI_CONVERSATION_ID]: step.conversationId,
      'parley.attempt': step.attempt,
    },
  };
}

function placeOf(topic: string, partition: number, { log }: Surroundings): Attributes {
  return {
    [ATTR_MESSAGING_SYSTEM]: log,
    [ATTR_MESSAGING_SYSTEM_NAME]: log,
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
    [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(partition),
  };
}

function offsetOf(offset: number, log: Surroundings['log']): Attributes {
  return { [log === 'kafka' ? ATTR_MESSAGING_KAFKA_OFFSET : 'parley.offset']: offset };
}

function idsOf({ messageId, conversationId }: Pick<Outcome, 'messageId' | 'conversationId'>): Attributes {
  return {
    ...(messageId === undefined ? {} : { [ATTR_MESSAGING_MESSAGE_ID]: messageId }),
    ...(conversationId === undefined ? {} : { [ATTR_MESSAGING_MESSAGE_CONVERSATION_ID]: conversationId }),
  };
}
