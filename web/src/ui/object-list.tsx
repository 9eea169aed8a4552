/** The page of all queues or of all exchanges: a form that adds one, filters, and the list. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Heading } from './basic.tsx'
import { type Column, Count, Filter, Grid, type Order, type Rows } from './grid.tsx'
import { VhostChoice } from './vhost-choice.tsx'

interface ObjectListProps<T> {
  /** `Queues` */
  title: string
  /** `queue` */
  one: string
  /** The vhost whose objects are shown; empty = all vhosts. */
  vhost: string
  /** The form that adds an object. */
  form: ComponentChildren
  columns: readonly Column<T>[]
  rows: Rows<T>
  order: Order
  empty: ComponentChildren
}

export function ObjectList<T extends { readonly vhost: string; readonly name: string }>(
  props: ObjectListProps<T>,
) {
  const { title, one, vhost, form, rows, ...list } = props
  const [adding, setAdding] = useState(false)
  return (
    <>
      <Heading title={title}>
        <button
          type="button"
          class="button primary"
          aria-expanded={adding}
          onClick={() => setAdding(!adding)}
        >
          Add {one}
        </button>
      </Heading>
      {adding ? form : null}
      <div class="tools">
        <Filter label="Filter by name" regex />
        <VhostChoice value={vhost} />
        <Count rows={rows} what={`${one}s`} />
      </div>
      <Grid label={title} rows={rows} id={(o) => `${o.vhost}\n${o.name}`} {...list} />
    </>
  )
}
