/** Help for new users: example programs that run unchanged against this broker. */
import { useState } from 'preact/hooks'
import { session } from '../api.ts'
import { usePoll } from '../poll.ts'
import type { Overview } from '../types.ts'
import { Card } from './basic.tsx'
import { say } from './dialog.tsx'

interface Language {
  readonly name: string
  readonly install: string
  program(url: string): string
}

const languages: readonly Language[] = [
  {
    name: 'Python',
    install: 'pip install pika',
    program: (url) => `import pika

connection = pika.BlockingConnection(pika.URLParameters("${url}"))
channel = connection.channel()
channel.queue_declare("hello", durable=True)
channel.basic_publish("", "hello", b"Hello, world")
print(channel.basic_get("hello", auto_ack=True))
connection.close()`,
  },
  {
    name: 'JavaScript',
    install: 'npm install amqplib',
    program: (url) => `import amqp from 'amqplib'

const connection = await amqp.connect('${url}')
const channel = await connection.createChannel()
await channel.assertQueue('hello', { durable: true })
channel.sendToQueue('hello', Buffer.from('Hello, world'))
const message = await channel.get('hello', { noAck: true })
console.log(message.content.toString())
await connection.close()`,
  },
  {
    name: 'Go',
    install: 'go get github.com/rabbitmq/amqp091-go',
    program: (url) => `connection, err := amqp.Dial("${url}")
channel, err := connection.Channel()
channel.QueueDeclare("hello", true, false, false, false, nil)
channel.PublishWithContext(context.Background(), "", "hello", false, false,
	amqp.Publishing{Body: []byte("Hello, world")})
message, ok, err := channel.Get("hello", true)
fmt.Println(string(message.Body))`,
  },
  {
    name: 'Java',
    install: 'com.rabbitmq:amqp-client',
    program: (url) => `var factory = new ConnectionFactory();
factory.setUri("${url}");
try (var connection = factory.newConnection(); var channel = connection.createChannel()) {
  channel.queueDeclare("hello", true, false, false, null);
  channel.basicPublish("", "hello", null, "Hello, world".getBytes());
  System.out.println(new String(channel.basicGet("hello", true).getBody()));
}`,
  },
  {
    name: 'Ruby',
    install: 'gem install bunny',
    program: (url) => `require 'bunny'

connection = Bunny.new('${url}').start
channel = connection.create_channel
queue = channel.queue('hello', durable: true)
queue.publish('Hello, world')
puts queue.pop.last
connection.close`,
  },
  {
    name: 'C#',
    install: 'dotnet add package RabbitMQ.Client',
    program: (url) => `var factory = new ConnectionFactory { Uri = new Uri("${url}") };
await using var connection = await factory.CreateConnectionAsync();
await using var channel = await connection.CreateChannelAsync();
await channel.QueueDeclareAsync("hello", durable: true, exclusive: false, autoDelete: false);
await channel.BasicPublishAsync("", "hello", Encoding.UTF8.GetBytes("Hello, world"));
var message = await channel.BasicGetAsync("hello", autoAck: true);`,
  },
]

/** The AMQP URL of this broker, with the host name by which the browser reaches it. */
function urlOf(overview: Overview | undefined): string {
  const listeners = overview?.listeners ?? []
  const amqp =
    listeners.find((l) => l.protocol === 'amqp') ?? listeners.find((l) => l.protocol === 'amqp/ssl')
  const scheme = amqp?.protocol === 'amqp/ssl' ? 'amqps' : 'amqp'
  const name = encodeURIComponent(session.get()?.name.toWellFormed() ?? 'guest').replaceAll("'", '%27')
  const login = name === 'guest' ? 'guest:guest' : `${name}:PASSWORD`
  return `${scheme}://${login}@${location.hostname}:${amqp?.port ?? 5672}/`
}

export function ConnectHelp({ overview }: { overview?: Overview }) {
  const found = usePoll<Overview>(overview === undefined ? 'overview' : undefined)
  const [chosen, setChosen] = useState(0)
  const url = urlOf(overview ?? found.data)
  const language = languages[chosen] as Language
  const program = language.program(url)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(program)
    say('Copied.')
  }
  return (
    <Card title="Nothing is here yet: connect a program">
      <p>
        Any RabbitMQ client works. The address of this broker is <code class="address">{url}</code>
      </p>
      <div class="segments" role="tablist" aria-label="Language">
        {languages.map((l, i) => (
          <button
            type="button"
            role="tab"
            aria-selected={i === chosen}
            key={l.name}
            onClick={() => setChosen(i)}
          >
            {l.name}
          </button>
        ))}
      </div>
      <p class="muted small">
        First: <code>{language.install}</code>
      </p>
      <div class="program">
        <pre>{program}</pre>
        {navigator.clipboard === undefined ? null : (
          <button type="button" class="button quiet" onClick={() => void copy()}>
            Copy
          </button>
        )}
      </div>
    </Card>
  )
}
