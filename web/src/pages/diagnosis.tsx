/** The broker's diagnosis of the queue, in sentences. */
import { ApiError } from '../api.ts'
import { visible } from '../format.ts'
import { usePoll } from '../poll.ts'

interface Finding {
  readonly code: string
  readonly severity: 'ok' | 'info' | 'warning' | 'critical'
  readonly sentence: string
}

interface Diagnosis {
  readonly findings: readonly Finding[]
}

export function DiagnosisCard({ target }: { target: string }) {
  const { data, error } = usePoll<Diagnosis>(`${target}/diagnosis`)
  if (error instanceof ApiError || data === undefined) return null
  return (
    <ul class="diagnosis" aria-label="How this queue is">
      {data.findings.map((f) => (
        <li key={f.code + f.sentence} class={f.severity} data-code={f.code}>
          {visible(f.sentence)}
        </li>
      ))}
    </ul>
  )
}
