/**
 * Runtime parameters: shovels, and those of features that Leveret does not have, kept as they came, so that a definitions
 * file loses nothing on its way through.
 */
import type { GroupCommit } from '../storage/batch.ts'
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

const KEY = 'parameters'

function isSame(a: ParameterName, b: ParameterName): boolean {
  return a.vhost === b.vhost && a.component === b.component && a.name === b.name
}

export class Parameters {
  private readonly objects: StoredObjects
  private readonly commit: GroupCommit
  private parameters: Parameter[] = []
  private globals: GlobalParameter[] = []
  private readonly watchers: (() => void)[] = []

  constructor(objects: StoredObjects, commit: GroupCommit) {
    this.objects = objects
    this.commit = commit
  }

  restore(): void {
    let found = false
    this.objects.restore<{ parameters: Parameter[]; globals: GlobalParameter[] }>(KEY, (stored) => {
      const { parameters, globals } = stored
      if (found) throw new Error('there are others since')
      for (const p of [...parameters, ...globals])
        if (typeof p.name !== 'string') throw new Error('one of them has no name')
      this.parameters = parameters
      this.globals = globals
      found = true
    })
  }

  private save(): void {
    const { parameters, globals } = this
    this.commit.put(KEY, Buffer.from(JSON.stringify({ parameters, globals })))
  }

  /** Told of each change of a parameter that belongs to a vhost. */
  watch(changed: () => void): void {
    this.watchers.push(changed)
  }

  private changed(): void {
    this.save()
    for (const w of this.watchers) w()
  }

  /** The vhost is gone. */
  removeVhost(vhost: string): void {
    if (this.parameters.every((p) => p.vhost !== vhost)) return
    this.parameters = this.parameters.filter((p) => p.vhost !== vhost)
    this.changed()
  }

  list(): readonly Parameter[] {
    return this.parameters
  }

  listGlobal(): readonly GlobalParameter[] {
    return this.globals
  }

  has(p: ParameterName): boolean {
    return this.parameters.some((o) => isSame(o, p))
  }

  set(p: Parameter): void {
    this.parameters = [...this.parameters.filter((o) => !isSame(o, p)), p]
    this.changed()
  }

  remove(p: ParameterName): void {
    this.parameters = this.parameters.filter((o) => !isSame(o, p))
    this.changed()
  }

  /** undefined where there is none of that name. */
  global(name: string): unknown {
    return this.globals.find((g) => g.name === name)?.value
  }

  setGlobal(name: string, value: unknown): void {
    this.globals = [...this.globals.filter((g) => g.name !== name), { name, value }]
    this.save()
  }

  removeGlobal(name: string): void {
    this.globals = this.globals.filter((g) => g.name !== name)
    this.save()
  }
}
