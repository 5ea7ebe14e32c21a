"""kafka-python, driven by lines (driver.ts)."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

from lines import Member, address, from_base64, say, serve, shown

members = []
administrators = []


def admin():
    if not administrators:
        administrators.append(KafkaAdminClient(bootstrap_servers=address))
    return administrators[0]


def produce(topic, codec, idempotent, records):
    producer = KafkaProducer(
        bootstrap_servers=address,
        compression_type=None if codec == "none" else codec,
        enable_idempotence=idempotent,
        acks="all",
        linger_ms=20,
    )
    sent = [
        producer.send(
            topic,
            partition=record["partition"],
            timestamp_ms=record["timestamp"],
            key=from_base64(record["key"]),
            value=from_base64(record["value"]),
            headers=[(name, from_base64(value)) for name, value in record["headers"]],
        )
        for record in records
    ]
    producer.flush()
    for future in sent:
        future.get()
    producer.close()


def show(record):
    return shown(record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


def consume(topic, partitions, count):
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
    consumer.seek_to_beginning()
    found = []
    while len(found) < count:
        for records in consumer.poll(timeout_ms=100).values():
            found.extend(show(record) for record in records)
    consumer.close()
    return found


def join(topic, group):
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=200,
        fetch_max_wait_ms=100,
    )

    def poll():
        handled = [record for records in consumer.poll(timeout_ms=100).values() for record in records]
        for record in handled:
            say({"handled": show(record)})
        if handled:
            consumer.commit()

    members.append(Member(poll, consumer.close))


def leave():
    while members:
        members.pop().leave()


def create_topic(topic, partitions, configs):
    admin().create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])


def describe_configs(topic):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    configs = admin().describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: config["value"] for name, config in configs.items()}


def describe_group(group):
    described = admin().describe_groups([group])[group]
    return {"state": described["group_state"], "members": len(described["members"])}


def end():
    leave()
    for client in administrators:
        client.close()


if __name__ == "__main__":
    serve(
        {
            "produce": produce,
            "consume": consume,
            "join": join,
            "leave": leave,
            "createTopic": create_topic,
            "listTopics": lambda: admin().list_topics(),
            "describeTopic": lambda topic: len(admin().describe_topics([topic])[0]["partitions"]),
            "addPartitions": lambda topic, count: admin().create_partitions({topic: count}) and None,
            "describeConfigs": describe_configs,
            "alterConfigs": lambda topic, configs: admin().alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs)]
            )
            and None,
            "deleteTopic": lambda topic: admin().delete_topics([topic]) and None,
            "listGroups": lambda: [group["group_id"] for group in admin().list_groups()],
            "describeGroup": describe_group,
            "deleteGroup": lambda group: admin().delete_groups([group]) and None,
        },
        end,
    )
