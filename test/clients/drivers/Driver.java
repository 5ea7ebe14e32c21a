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
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
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
    private KafkaProducer<byte[], byte[]> transaction;

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
            case "consume": return consume(topic, command);
            case "begin": return begin(topic, command);
            case "end": return end(command.get("commit").asBoolean());
            case "transform": return transform(topic, group, command);
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
            send(producer, topic, command.get("records"));
        }
        return null;
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, JsonNode records) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : records) {
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

    private KafkaProducer<byte[], byte[]> transactional(JsonNode command) {
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(Map.of(
            "bootstrap.servers", address,
            "transactional.id", command.get("transactionalId").asText(),
            "key.serializer", BYTES + "Serializer",
            "value.serializer", BYTES + "Serializer"));
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    private Object begin(String topic, JsonNode command) throws Exception {
        transaction = transactional(command);
        send(transaction, topic, command.get("records"));
        return null;
    }

    private Object end(boolean isCommit) {
        try (KafkaProducer<byte[], byte[]> producer = transaction) {
            if (isCommit) producer.commitTransaction();
            else producer.abortTransaction();
        }
        return null;
    }

    private Object transform(String topic, String group, JsonNode command) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(group, true)) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
            while (read.size() < command.get("count").asInt()) consumer.poll(Duration.ofMillis(100)).forEach(read::add);
            transaction = transactional(command);
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (ConsumerRecord<byte[], byte[]> record : read.subList(0, command.get("count").asInt())) {
                transaction.send(new ProducerRecord<>(command.get("to").asText(), 0, record.key(), record.value()));
                offsets.put(new TopicPartition(topic, record.partition()), new OffsetAndMetadata(record.offset() + 1));
            }
            transaction.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            return end(command.get("commit").asBoolean());
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer(String group, boolean isCommitted) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "isolation.level", isCommitted ? "read_committed" : "read_uncommitted",
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

    private Object consume(String topic, JsonNode command) {
        ArrayNode found = JSON.createArrayNode();
        int count = command.get("count").asInt();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(null, command.path("committed").asBoolean())) {
            List<TopicPartition> all = new ArrayList<>();
            for (int i = 0; i < command.get("partitions").asInt(); i++) all.add(new TopicPartition(topic, i));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (found.size() < count) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) found.add(shown(record));
            }
        }
        return found;
    }

    private Object join(String topic, String group) {
        member = consumer(group, false);
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
