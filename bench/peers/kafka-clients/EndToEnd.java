import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What Kafka's EndToEndLatency does, with its settings, in microseconds: the tool itself counts whole milliseconds. A record is sent, waited
 * for until it comes back from a consumer, and the next one goes; nothing is in flight that could wait unseen.
 *
 *   EndToEnd ADDRESS TOPIC COUNT BYTES   prints p50 p75 p90 p95 p99 p99.9 and the greatest, in microseconds
 */
public final class EndToEnd {
  private static final double[] SHARES = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};

  public static void main(String[] args) throws Exception {
    String address = args[0], topic = args[1];
    int count = Integer.parseInt(args[2]), warmUp = Math.max(200, count / 10);
    Map<String, Object> producing = Map.of("bootstrap.servers", address, "acks", "1", "linger.ms", "0");
    Map<String, Object> consuming = Map.of("bootstrap.servers", address, "enable.auto.commit", "false", "fetch.max.wait.ms", "500");
    TopicPartition partition = new TopicPartition(topic, 0);
    long[] nanoseconds = new long[count];
    try (var producer = new KafkaProducer<byte[], byte[]>(producing, new ByteArraySerializer(), new ByteArraySerializer());
        var consumer = new KafkaConsumer<byte[], byte[]>(consuming, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToEnd(List.of(partition));
      consumer.position(partition);
      byte[] value = new byte[Integer.parseInt(args[3])];
      for (int trip = -warmUp; trip < count; trip++) {
        long started = System.nanoTime();
        producer.send(new ProducerRecord<>(topic, 0, null, value)).get();
        if (consumer.poll(Duration.ofSeconds(60)).isEmpty()) throw new IllegalStateException("a record did not come back");
        if (trip >= 0) nanoseconds[trip] = System.nanoTime() - started;
      }
    }
    Arrays.sort(nanoseconds);
    StringBuilder line = new StringBuilder("=");
    for (double share : SHARES) line.append(' ').append(nanoseconds[Math.min(count - 1, (int) (share * count))] / 1000.0);
    System.out.println(line);
  }
}
