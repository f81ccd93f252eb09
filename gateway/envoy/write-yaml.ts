import { Document, isCollection, isScalar, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { type Configuration, Noted } from './noted.ts';

/** What is shorter and has no notes stands on one line. */
const maxFlowChars = 100;
const lineWidth = 150;
const commentChars = 120;

/** The configuration as a YAML file, its notes as comments, and this sentence at its head. */
export function writeYaml(head: string, configuration: Configuration): string {
  const document = new Document();
  document.contents = nodeOf(configuration);
  document.commentBefore = comment(head);
  return document.toString({ lineWidth, flowCollectionPadding: true, singleQuote: true });
}

function nodeOf(value: Configuration): Node {
  if (value instanceof Noted) return commented(nodeOf(value.value), value.why);
  if (typeof value !== 'object') return new Scalar(value);
  const node = Array.isArray(value) ? listOf(value) : mapOf(value as Readonly<Record<string, Configuration>>);
  node.flow = !hasNotes(value) && JSON.stringify(value).length <= maxFlowChars;
  return node;
}

function listOf(values: readonly Configuration[]): YAMLSeq {
  const list = new YAMLSeq();
  list.items = values.map(nodeOf);
  return list;
}

function mapOf(values: Readonly<Record<string, Configuration>>): YAMLMap {
  const map = new YAMLMap();
  for (const [name, value] of Object.entries(values)) {
    const key = new Scalar(name);
    // Above the name, not between it and its value.
    if (value instanceof Noted) commented(key, value.why);
    map.items.push(new Pair(key, nodeOf(value instanceof Noted ? value.value : value)));
  }
  return map;
}

function commented<T extends Node>(node: T, why: string): T {
  if (isScalar(node) || isCollection(node)) node.commentBefore = comment(why);
  return node;
}

/** In lines that can be read beside the rest. */
function comment(text: string): string {
  return text.replace(new RegExp(`(.{1,${commentChars}})(?: |$)`, 'g'), ' $1\n').trimEnd();
}

function hasNotes(value: Configuration): boolean {
  if (value instanceof Noted) return true;
  return typeof value === 'object' && Object.values(value).some(hasNotes);
}
