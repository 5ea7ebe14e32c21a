/** Kafka's own Java client, driven by lines (driver.ts). */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

public class Driver {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = System.out;
    private static final String BYTES = "org.apache.kafka.common.serialization.ByteArray";

    private final String address;
    private Admin admin;
    private KafkaConsumer<byte[], byte[]> member;
    private Thread polling;

    private Driver(String address) {
        this.address = address;
    }

    public static void main(String[] args) throws IOException {
        Driver driver = new Driver(args[args.length - 1]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) driver.serve(JSON.readTree(line));
        try {
            driver.leave();
        } catch (InterruptedException ignored) {
            // It ends anyway.
        }
        System.exit(0);
    }

    private void serve(JsonNode command) {
        ObjectNode answer = JSON.createObjectNode().put("id", command.get("id").asInt());
        try {
            answer.set("result", JSON.valueToTree(obey(command)));
        } catch (Exception e) {
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            answer.put("error", trace.toString());
        }
        say(answer);
    }

    private static synchronized void say(JsonNode message) {
        OUT.println(message);
        OUT.flush();
    }

    private Object obey(JsonNode command) throws Exception {
        String topic = command.path("topic").asText();
        String group = command.path("group").asText();
        switch (command.get("do").asText()) {
            case "produce": return produce(topic, command);
            case "consume": return consume(topic, command.get("partitions").asInt(), command.get("count").asInt());
            case "join": return join(topic, group);
            case "leave": return leave();
            case "createTopic":
                NewTopic created = new NewTopic(topic, command.get("partitions").asInt(), (short) 1);
                return admin().createTopics(List.of(created.configs(texts(command.get("configs"))))).all().get();
            case "listTopics": return admin().listTopics().names().get();
            case "describeTopic":
                return admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
            case "addPartitions":
                NewPartitions more = NewPartitions.increaseTo(command.get("count").asInt());
                return admin().createPartitions(Map.of(topic, more)).all().get();
            case "describeConfigs": return describeConfigs(topic);
            case "alterConfigs": return alterConfigs(topic, texts(command.get("configs")));
            case "deleteTopic": return admin().deleteTopics(List.of(topic)).all().get();
            case "listGroups":
                return admin().listGroups().all().get().stream().map(listed -> listed.groupId()).toList();
            case "describeGroup":
                ConsumerGroupDescription found = admin().describeConsumerGroups(List.of(group)).all().get().get(group);
                return Map.of("state", found.groupState().toString(), "members", found.members().size());
            case "deleteGroup": return admin().deleteConsumerGroups(List.of(group)).all().get();
            default: throw new IllegalArgumentException(command.toString());
        }
    }

    private Admin admin() {
        if (admin == null) admin = Admin.create(Map.of("bootstrap.servers", address));
        return admin;
    }

    private Object produce(String topic, JsonNode command) throws Exception {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", address,
            "compression.type", command.get("codec").asText(),
            "enable.idempotence", command.get("idempotent").asBoolean(),
            "linger.ms", 50,
            "key.serializer", BYTES + "Serializer",
            "value.serializer", BYTES + "Serializer");
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode record : command.get("records")) {
                List<Header> headers = new ArrayList<>();
                for (JsonNode pair : record.get("headers")) {
                    headers.add(new RecordHeader(pair.get(0).asText(), bytes(pair.get(1))));
                }
                sent.add(producer.send(new ProducerRecord<>(topic, record.get("partition").asInt(),
                    record.get("timestamp").asLong(), bytes(record.get("key")), bytes(record.get("value")), headers)));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) one.get();
        }
        return null;
    }

    private KafkaConsumer<byte[], byte[]> consumer(String group) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", address,
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false,
            "session.timeout.ms", 6000,
            "heartbeat.interval.ms", 200,
            "fetch.max.wait.ms", 100,
            "key.deserializer", BYTES + "Deserializer",
            "value.deserializer", BYTES + "Deserializer"));
        if (group != null) config.put("group.id", group);
        return new KafkaConsumer<>(config);
    }

    private Object consume(String topic, int partitions, int count) {
        ArrayNode found = JSON.createArrayNode();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(null)) {
            List<TopicPartition> all = new ArrayList<>();
            for (int i = 0; i < partitions; i++) all.add(new TopicPartition(topic, i));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (found.size() < count) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) found.add(shown(record));
            }
        }
        return found;
    }

    private Object join(String topic, String group) {
        member = consumer(group);
        member.subscribe(List.of(topic));
        polling = new Thread(this::poll);
        polling.start();
        return null;
    }

    private void poll() {
        try {
            while (true) {
                ConsumerRecords<byte[], byte[]> records = member.poll(Duration.ofMillis(100));
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    ObjectNode handled = JSON.createObjectNode();
                    handled.set("handled", shown(record));
                    say(handled);
                }
                if (!records.isEmpty()) member.commitSync();
            }
        } catch (WakeupException left) {
            // As it should.
        } finally {
            member.close();
        }
    }

    private Object leave() throws InterruptedException {
        if (polling == null) return null;
        member.wakeup();
        polling.join();
        polling = null;
        return null;
    }

    private Object describeConfigs(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Map<String, String> found = new HashMap<>();
        for (ConfigEntry entry : admin().describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            found.put(entry.name(), entry.value());
        }
        return found;
    }

    private Object alterConfigs(String topic, Map<String, String> configs) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        configs.forEach((name, value) -> changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin().incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    private static ObjectNode shown(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode shown = JSON.createObjectNode();
        shown.put("partition", record.partition()).put("offset", record.offset()).put("timestamp", record.timestamp());
        shown.put("key", base64(record.key())).put("value", base64(record.value()));
        ArrayNode headers = shown.putArray("headers");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(base64(header.value()));
        return shown;
    }

    private static Map<String, String> texts(JsonNode object) {
        Map<String, String> texts = new HashMap<>();
        object.fields().forEachRemaining(entry -> texts.put(entry.getKey(), entry.getValue().asText()));
        return texts;
    }

    private static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }
}
