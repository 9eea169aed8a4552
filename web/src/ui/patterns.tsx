/** The three patterns of a permission. */
import { Field } from './form.tsx'

export interface Patterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

export const everything: Patterns = { configure: '.*', write: '.*', read: '.*' }

export function PatternFields({ value, change: set }: { value: Patterns; change(p: Patterns): void }) {
  return (
    <>
      <Field
        label="Configure"
        mono
        value={value.configure}
        change={(configure) => set({ ...value, configure })}
        hint="declare and delete; empty: nothing"
      />
      <Field
        label="Write"
        mono
        value={value.write}
        change={(write) => set({ ...value, write })}
        hint="publish"
      />
      <Field
        label="Read"
        mono
        value={value.read}
        change={(read) => set({ ...value, read })}
        hint="consume, get, purge"
      />
    </>
  )
}
