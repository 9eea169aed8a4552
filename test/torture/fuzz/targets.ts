/** What is fuzzed: each of them with an oracle of what may happen. */
import type { FuzzTarget } from './fuzzer.ts'

type Make = () => Promise<FuzzTarget>

/** Modules are loaded with the target that needs them, so that each process counts only those. */
export const targets = {
  table: async () => (await import('./target-protocol.ts')).tableTarget(),
  method: async () => (await import('./target-protocol.ts')).methodTarget(),
  frames: async () => (await import('./target-protocol.ts')).framesTarget(),
  properties: async () => (await import('./target-protocol.ts')).propertiesTarget(),
  proxy: async () => (await import('./target-text.ts')).proxyTarget(),
  config: async () => (await import('./target-text.ts')).configTarget(),
  uri: async () => (await import('./target-text.ts')).uriTarget(),
  pattern: async () => (await import('./target-patterns.ts')).patternTarget(),
  topic: async () => (await import('./target-patterns.ts')).topicTarget(),
  token: async () => (await import('./target-text.ts')).tokenTarget(),
  batch: async () => (await import('./target-storage.ts')).batchTarget(),
  journal: async () => (await import('./target-storage.ts')).journalTarget(),
  state: async () => (await import('./target-storage.ts')).stateTarget(),
  folder: async () => (await import('./target-folder.ts')).folderTarget(),
  record: async () => (await import('./target-cluster.ts')).recordTarget(),
  peer: async () => (await import('./target-cluster.ts')).peerTarget(),
  snapshot: async () => (await import('./target-cluster.ts')).snapshotTarget(),
  definitions: async () => (await import('./target-definitions.ts')).definitionsTarget(),
  handshake: async () => (await import('./target-session.ts')).handshakeTarget(),
  'session-few': async () => (await import('./target-session.ts')).sessionTarget('few'),
  'session-many': async () => (await import('./target-session.ts')).sessionTarget('many'),
  websocket: async () => (await import('./target-http.ts')).websocketTarget(),
  'http-few': async () => (await import('./target-http.ts')).httpTarget('few'),
  'http-many': async () => (await import('./target-http.ts')).httpTarget('many'),
} as const satisfies { readonly [name: string]: Make }

export type TargetName = keyof typeof targets

export const targetNames = Object.keys(targets) as readonly TargetName[]
