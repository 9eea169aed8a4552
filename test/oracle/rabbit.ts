import { Side } from '../migrate/support.ts'
import { type Oracle, startOracle } from '../support/oracle.ts'

/** A RabbitMQ of a test file's own, to move from or to. */
export class Rabbit extends Side {
  readonly broker: Oracle
  /** What tells `leveret migrate` where it is. */
  readonly address: readonly string[]

  private constructor(broker: Oracle) {
    super(broker.url, broker.http)
    this.broker = broker
    this.address = [broker.url, '--management', broker.http]
  }

  static async start(port: number): Promise<Rabbit> {
    return new Rabbit(await startOracle(port))
  }
}
