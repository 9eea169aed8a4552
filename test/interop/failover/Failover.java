// RabbitMQ's Java client: its automatic recovery, told of all nodes; what was not confirmed is published again.
import com.rabbitmq.client.*;
import java.io.IOException;
import java.util.*;
import java.util.concurrent.*;

public class Failover {
    static final Set<Integer> seen = ConcurrentHashMap.newKeySet();

    public static void main(String[] args) throws Exception {
        String queue = args[1];
        int count = Integer.parseInt(args[2]);
        List<Address> nodes = new ArrayList<>();
        for (String port : args[0].split(",")) nodes.add(new Address("127.0.0.1", Integer.parseInt(port)));
        ConnectionFactory factory = new ConnectionFactory();
        factory.setNetworkRecoveryInterval(200);
        factory.setRequestedHeartbeat(10);
        factory.setConnectionTimeout(6000);
        Connection connection = factory.newConnection(nodes);
        consume(connection.createChannel(), queue);
        Channel channel = connection.createChannel();
        channel.confirmSelect();
        for (int i = 0; i < count; ) {
            try {
                AMQP.BasicProperties p = new AMQP.BasicProperties.Builder().deliveryMode(2).build();
                channel.basicPublish("", queue, p, String.valueOf(i).getBytes());
                if (channel.waitForConfirms(5000)) i++;
                Thread.sleep(5);
            } catch (IOException | ShutdownSignalException | TimeoutException e) {
                // The connection is being recovered, and this channel with it.
                Thread.sleep(100);
            }
        }
        while (seen.size() < count) Thread.sleep(20);
        connection.close();
    }

    static void consume(Channel channel, String queue) throws IOException {
        channel.queueDeclare(queue, true, false, false, null);
        channel.basicQos(20);
        channel.basicConsume(queue, false, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope e, AMQP.BasicProperties p, byte[] body) throws IOException {
                seen.add(Integer.parseInt(new String(body)));
                System.out.println(seen.size());
                try {
                    channel.basicAck(e.getDeliveryTag(), false);
                } catch (ShutdownSignalException gone) {
                    // The delivery comes again.
                }
            }
        });
    }
}
