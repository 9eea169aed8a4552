/** Exports and imports definitions as a file: everything except messages. */
import { useState } from 'preact/hooks'
import { call, changes, enc, errorOf, request } from '../api.ts'
import { bytes, plural } from '../format.ts'
import { usePlace } from '../router.ts'
import { Action, Card, Failure, Heading } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { VhostChoice } from '../ui/vhost-choice.tsx'

function target(vhost: string): string {
  return vhost === '' ? 'definitions' : `definitions/${enc(vhost)}`
}

export function Definitions() {
  const vhost = usePlace().query.get('vhost') ?? ''
  return (
    <>
      <Heading title="Definitions" />
      <p>
        Queues, exchanges, bindings, policies, users and permissions, without messages. Files move both ways
        between RabbitMQ and Leveret.
      </p>
      <div class="tools">
        <VhostChoice value={vhost} />
      </div>
      <Download vhost={vhost} />
      <Upload vhost={vhost} />
    </>
  )
}

function Download({ vhost }: { vhost: string }) {
  const [error, setError] = useState<unknown>()
  const run = async (): Promise<void> => {
    setError(undefined)
    try {
      const response = await request('GET', target(vhost))
      if (!response.ok) throw await errorOf(response)
      const json = JSON.stringify(await response.json(), null, 2)
      const url = URL.createObjectURL(new Blob([json], { type: 'application/json' }))
      const link = document.createElement('a')
      link.href = url
      link.download = `leveret-${new Date().toISOString().slice(0, 10)}.json`
      link.click()
      URL.revokeObjectURL(url)
    } catch (e) {
      setError(e)
    }
  }
  return (
    <Card title="Download">
      <p>
        The file holds hashes of passwords, and passwords of addresses of shovels: keep it like a password.
      </p>
      <Failure error={error} />
      <Action run={run} kind="primary">
        Download definitions
      </Action>
    </Card>
  )
}

interface Chosen {
  readonly name: string
  readonly text: string
}

const kinds = ['vhosts', 'users', 'permissions', 'queues', 'exchanges', 'bindings', 'policies', 'parameters']

/** Summarises the chosen file; a file that is not strict JSON is left to the broker. */
function summary({ text }: Chosen): string {
  try {
    const all = JSON.parse(text) as Record<string, unknown>
    const found = kinds.flatMap((k) => {
      const list = all[k]
      return Array.isArray(list) && list.length > 0
        ? [
            plural(
              list.length,
              k.replace(/(ie)?s$/, (s) => (s === 'ies' ? 'y' : '')),
              k,
            ),
          ]
        : []
    })
    return found.join(', ')
  } catch {
    return ''
  }
}

function Upload({ vhost }: { vhost: string }) {
  const [file, setFile] = useState<Chosen | undefined>()
  const choose = async (f: File | undefined): Promise<void> =>
    setFile(f === undefined ? undefined : { name: f.name, text: await f.text() })
  const load = (f: Chosen): void =>
    ask({
      title: `Load ${f.name}?`,
      text: (
        <p>
          {summary(f) || bytes(f.text.length)} {vhost === '' ? '' : `into ${vhost} `}will be made where they
          are missing. Users and policies of the same name are replaced; queues and exchanges that are there
          stay. All of it is applied, or nothing.
        </p>
      ),
      verb: 'Load',
      run: async () => {
        await call('POST', target(vhost), { text: f.text })
        changes.set(changes.get() + 1)
      },
      done: `${f.name} is loaded.`,
    })
  return (
    <Card title="Upload">
      <label class="upload">
        <span>A definitions file</span>
        <input
          type="file"
          accept=".json,application/json"
          onChange={(e) =>
            void choose(e.currentTarget.files?.[0]).catch(() => say('The file cannot be read.'))
          }
        />
      </label>
      {file === undefined ? null : (
        <>
          <p role="status">{summary(file) || `${bytes(file.text.length)}: the broker will look at it.`}</p>
          <button type="button" class="button primary" onClick={() => load(file)}>
            Load …
          </button>
        </>
      )}
    </Card>
  )
}
