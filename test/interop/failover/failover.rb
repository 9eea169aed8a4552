# bunny: its own recovery, told of all nodes; what was not confirmed is published again.
require 'bunny'
require 'set'
require 'timeout'

ports, name, count = ARGV[0].split(','), ARGV[1], ARGV[2].to_i
connection = Bunny.new(
  addresses: ports.map { |p| "127.0.0.1:#{p}" },
  network_recovery_interval: 0.2, recover_from_connection_close: true, heartbeat: 10,
  continuation_timeout: 10_000, logger: Logger.new(File::NULL)
).start

seen = Set.new
lock = Mutex.new
channel = connection.create_channel
channel.prefetch(20)
channel.queue(name, durable: true).subscribe(manual_ack: true) do |info, _properties, body|
  begin
    channel.ack(info.delivery_tag)
  rescue StandardError
    # The delivery comes again.
  end
  lock.synchronize do
    seen << body.to_i
    puts seen.size
    $stdout.flush
  end
end

publisher = nil
i = 0
while i < count
  begin
    # A confirm that was waited for when the connection ended never comes: so it is waited for on a channel of its own.
    Timeout.timeout(5) do
      if publisher.nil?
        publisher = connection.create_channel
        publisher.confirm_select
      end
      publisher.default_exchange.publish(i.to_s, routing_key: name, persistent: true)
      raise 'not confirmed' unless publisher.wait_for_confirms
    end
    i += 1
    sleep 0.005
  rescue StandardError
    publisher = nil
    sleep 0.2
  end
end
sleep 0.05 until lock.synchronize { seen.size } == count
raise 'missing' unless seen == Set.new(0...count)
connection.close
