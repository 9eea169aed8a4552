# bunny: its own recovery for the consumer; a publisher that waits for confirms and asks for them anew when they do not come.
require "bunny"
require "set"

ports, queue, count = ARGV[0].split(","), ARGV[1], ARGV[2].to_i
$stdout.sync = true

def connect(ports, recovers)
  Bunny.new(
    addresses: ports.map { |p| "127.0.0.1:#{p}" },
    automatically_recover: recovers,
    recover_from_connection_close: recovers,
    network_recovery_interval: 0.2,
    heartbeat: 10,
    # A wait for a confirm that the connection took with it ends with Timeout::Error after this many ms.
    continuation_timeout: 5000,
    # Otherwise errors of the connection are raised in the thread that has made it, wherever that is.
    session_error_handler: Class.new { def raise(*) end }.new,
    log_level: :fatal
  )
end

seen = Set.new
consuming = connect(ports, true).start
channel = consuming.create_channel
channel.prefetch(20)
channel.queue(queue, durable: true).subscribe(manual_ack: true) do |delivery, _, body|
  seen << body.to_i
  channel.ack(delivery.delivery_tag)
  puts seen.size
end

# A new connection each time: one that recovers does not say which messages it has lost.
confirmed = 0
while confirmed < count
  connection = connect(ports, false)
  begin
    publishing = connection.start.create_channel
    publishing.confirm_select
    while confirmed < count
      publishing.default_exchange.publish(confirmed.to_s, routing_key: queue, persistent: true)
      break unless publishing.wait_for_confirms

      confirmed += 1
      sleep 0.005
    end
  rescue Bunny::Exception, Timeout::Error, SystemCallError, IOError
    sleep 0.1
  ensure
    begin
      connection.close
    rescue StandardError, Timeout::Error
      # It has ended already.
    end
  end
end

sleep 0.05 until seen.size == count
exit(seen == Set.new(0...count))
