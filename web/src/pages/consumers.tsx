import { visible } from '../format.ts'
import { to } from '../router.ts'
import type { Consumer } from '../types.ts'
import { Badge, ConnectionLink, Name, QueueLink } from '../ui/basic.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'

const tag: Column<Consumer> = {
  key: 'tag',
  title: 'Tag',
  sort: (c) => c.consumer_tag,
  render: (c) => (
    <>
      <Name of={c.consumer_tag} /> {c.active ? null : <Badge>waiting</Badge>}
      {c.exclusive ? <Badge>exclusive</Badge> : null}
    </>
  ),
}
const queue: Column<Consumer> = {
  key: 'queue',
  title: 'Queue',
  sort: (c) => c.queue.name,
  render: (c) => <QueueLink vhost={c.queue.vhost} name={c.queue.name} />,
}
const rest: readonly Column<Consumer>[] = [
  {
    key: 'connection',
    title: 'Connection',
    sort: (c) => c.channel_details.connection_name,
    render: (c) => <ConnectionLink name={c.channel_details.connection_name} />,
  },
  {
    key: 'channel',
    title: 'Channel',
    sort: (c) => c.channel_details.number,
    width: '6rem',
    hide: 'phone',
    render: (c) => <a href={to(['channels', c.channel_details.name])}>{c.channel_details.number}</a>,
  },
  {
    key: 'user',
    title: 'User',
    sort: (c) => c.channel_details.user,
    width: '8rem',
    hide: 'phone',
    render: (c) => visible(c.channel_details.user),
  },
  {
    key: 'prefetch',
    title: 'Prefetch',
    sort: (c) => c.prefetch_count,
    numeric: true,
    width: '7rem',
    render: (c) => (c.prefetch_count === 0 ? '∞' : c.prefetch_count),
  },
  {
    key: 'acks',
    title: 'Acks',
    sort: (c) => (c.ack_required ? 'yes' : 'no'),
    width: '5rem',
    hide: 'phone',
    render: (c) => (c.ack_required ? 'yes' : 'no'),
  },
]

interface ConsumerTableProps {
  list: readonly Consumer[] | undefined
  withQueue?: boolean
}

export function ConsumerTable({ list, withQueue = false }: ConsumerTableProps) {
  const columns = [tag, ...(withQueue ? [queue] : []), ...rest]
  const order = useOrder('c.')
  const rows = useLocalRows(list, columns, order, (c) => {
    const { connection_name, user } = c.channel_details
    return `${c.consumer_tag} ${withQueue ? c.queue.name : ''} ${connection_name} ${user}`
  })
  return (
    <>
      <div class="tools">
        <Filter prefix="c." label="Filter consumers" />
        <Count rows={rows} what="consumers" />
      </div>
      <Grid
        low
        label="Consumers"
        columns={columns}
        rows={rows}
        order={order}
        prefix="c."
        id={(c) => `${c.consumer_tag}\n${c.channel_details.name}`}
        empty={
          withQueue
            ? 'This channel consumes from no queue.'
            : 'Nobody consumes from here. A program that does calls basic.consume with the name of this queue.'
        }
      />
    </>
  )
}
