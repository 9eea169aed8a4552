/**
 * Runtime parameters: shovels, and those of features that Leveret does not have, which are kept unchanged, so that
 * importing and exporting definitions loses nothing.
 */
import type { GroupCommit } from '../storage/batch.ts'
import { sha256 } from '../util/sha256.ts'
import type { StoredObjects } from '../util/stored-objects.ts'

export interface Parameter {
  readonly vhost: string
  readonly component: string
  readonly name: string
  readonly value: unknown
}

export interface GlobalParameter {
  readonly name: string
  readonly value: unknown
}

export type ParameterName = Omit<Parameter, 'value'>

/** Key of all parameters together, as earlier releases have written them. */
const ALL_KEY = 'parameters'

/** A parameter, with its value as it is stored. */
interface Kept<T> {
  readonly parameter: T
  readonly text: string
}

function identity({ vhost, component, name }: ParameterName): string {
  return JSON.stringify([vhost, component, name])
}

/** Names may be longer than a key, so the key has a digest. */
function keyOf(kind: 'parameter' | 'global-parameter', id: string): string {
  return `${kind}:${sha256(id, 'base64url')}`
}

function checkNames(stored: { readonly [field: string]: unknown }, ...fields: string[]): void {
  if (fields.some((f) => typeof stored[f] !== 'string')) throw new Error('it has no name')
}

export class Parameters {
  private readonly objects: StoredObjects
  private readonly commit: GroupCommit
  private readonly parameters = new Map<string, Kept<Parameter>>()
  private readonly globals = new Map<string, Kept<GlobalParameter>>()
  private readonly watchers: ((p: ParameterName) => void)[] = []

  constructor(objects: StoredObjects, commit: GroupCommit) {
    this.objects = objects
    this.commit = commit
  }

  restore(): void {
    this.objects.restore<Parameter>('parameter:', (p) => {
      checkNames({ ...p }, 'vhost', 'component', 'name')
      this.parameters.set(identity(p), { parameter: p, text: JSON.stringify(p.value) })
    })
    this.objects.restore<GlobalParameter>('global-parameter:', (g) => {
      checkNames({ ...g }, 'name')
      this.globals.set(g.name, { parameter: g, text: JSON.stringify(g.value) })
    })
    this.restoreAll()
  }

  private restoreAll(): void {
    let found = false
    this.objects.restore<{ parameters: Parameter[]; globals: GlobalParameter[] }>(ALL_KEY, (stored) => {
      const { parameters, globals } = stored
      if (found || this.parameters.size + this.globals.size > 0) throw new Error('there are others since')
      for (const p of parameters) checkNames({ ...p }, 'vhost', 'component', 'name')
      for (const g of globals) checkNames({ ...g }, 'name')
      for (const p of parameters) this.set(p)
      for (const { name, value } of globals) this.setGlobal(name, value)
      found = true
    })
    // From here on each parameter has its own key.
    if (found) this.commit.delete(ALL_KEY)
  }

  /** The listener is called for each change of a parameter that belongs to a vhost. */
  watch(changed: (p: ParameterName) => void): void {
    this.watchers.push(changed)
  }

  private changed(p: ParameterName): void {
    for (const w of this.watchers) w(p)
  }

  /** Called when a vhost has been deleted. */
  removeVhost(vhost: string): void {
    for (const p of this.list()) if (p.vhost === vhost) this.remove(p)
  }

  list(): readonly Parameter[] {
    return Array.from(this.parameters.values(), (k) => k.parameter)
  }

  listGlobal(): readonly GlobalParameter[] {
    return Array.from(this.globals.values(), (k) => k.parameter)
  }

  has(p: ParameterName): boolean {
    return this.parameters.has(identity(p))
  }

  /** Returns the same object until another value is set. */
  get(p: ParameterName): Parameter | undefined {
    return this.parameters.get(identity(p))?.parameter
  }

  set(p: Parameter): void {
    const [id, text] = [identity(p), JSON.stringify(p.value)]
    const kept = this.parameters.get(id)
    if (kept !== undefined && kept.text === text) return
    this.parameters.set(id, { parameter: p, text })
    const { vhost, component, name, value } = p
    const stored = JSON.stringify({ vhost, component, name, value })
    this.commit.put(keyOf('parameter', id), Buffer.from(stored))
    this.changed(p)
  }

  remove(p: ParameterName): void {
    const id = identity(p)
    if (!this.parameters.delete(id)) return
    this.commit.delete(keyOf('parameter', id))
    this.changed(p)
  }

  /** undefined if there is no global parameter of that name. */
  global(name: string): unknown {
    return this.globals.get(name)?.parameter.value
  }

  setGlobal(name: string, value: unknown): void {
    this.globals.set(name, { parameter: { name, value }, text: JSON.stringify(value) })
    this.commit.put(keyOf('global-parameter', name), Buffer.from(JSON.stringify({ name, value })))
  }

  removeGlobal(name: string): void {
    if (this.globals.delete(name)) this.commit.delete(keyOf('global-parameter', name))
  }
}
