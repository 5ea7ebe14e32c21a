// segmentio/kafka-go, driven by lines (driver.ts).
package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"varve.test/clients/lines"
)

var (
	ctx    = context.Background()
	client *kafka.Client
	member *kafka.Reader
	ended  chan struct{}
)

var codecs = map[string]kafka.Compression{
	"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

// Writers have no field for the partition: the balancer knows it by key and time.
func produce(c lines.Command) (any, error) {
	partitions := map[string]int{}
	name := func(m kafka.Message) string { return string(m.Key) + "\x00" + m.Time.String() }
	writer := &kafka.Writer{
		Addr: kafka.TCP(lines.Address()), Topic: c.Topic, RequiredAcks: kafka.RequireAll, Compression: codecs[c.Codec],
		BatchTimeout: 20 * time.Millisecond,
		Balancer:     kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return partitions[name(m)] }),
	}
	defer writer.Close()
	messages := make([]kafka.Message, len(c.Records))
	for i, r := range c.Records {
		message := kafka.Message{Key: r.Key, Value: r.Value, Time: time.UnixMilli(r.Timestamp)}
		for _, h := range r.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		partitions[name(message)] = int(r.Partition)
		messages[i] = message
	}
	return nil, writer.WriteMessages(ctx, messages...)
}

func shown(m kafka.Message) lines.Record {
	headers := []lines.Header{}
	for _, h := range m.Headers {
		headers = append(headers, lines.Header{Name: h.Key, Value: h.Value})
	}
	return lines.Record{
		Partition: int32(m.Partition), Offset: m.Offset, Timestamp: m.Time.UnixMilli(), Key: m.Key, Value: m.Value, Headers: headers,
	}
}

func consume(c lines.Command) (any, error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := make(chan kafka.Message)
	failed := make(chan error, c.Partitions)
	for i := range c.Partitions {
		reader := kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{lines.Address()}, Topic: c.Topic, Partition: int(i), MaxWait: 100 * time.Millisecond,
		})
		defer reader.Close()
		go func() {
			for {
				message, err := reader.ReadMessage(reading)
				if err != nil {
					failed <- err
					return
				}
				select {
				case messages <- message:
				case <-reading.Done():
					return
				}
			}
		}()
	}
	found := []lines.Record{}
	for len(found) < c.Count {
		select {
		case message := <-messages:
			found = append(found, shown(message))
		case err := <-failed:
			return nil, err
		}
	}
	return found, nil
}

func join(c lines.Command) (any, error) {
	member = kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{lines.Address()}, GroupID: c.Group, Topic: c.Topic, MaxWait: 100 * time.Millisecond,
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 200 * time.Millisecond, RebalanceTimeout: 6 * time.Second,
		StartOffset: kafka.FirstOffset,
	})
	ended = make(chan struct{})
	go poll(member)
	return nil, nil
}

// ReadMessage commits the message.
func poll(member *kafka.Reader) {
	defer close(ended)
	for {
		message, err := member.ReadMessage(ctx)
		if err != nil {
			return
		}
		lines.Handled(shown(message))
	}
}

func leave(lines.Command) (any, error) {
	if member == nil {
		return nil, nil
	}
	err := member.Close()
	<-ended
	member = nil
	return nil, err
}

func createTopic(c lines.Command) (any, error) {
	topic := kafka.TopicConfig{Topic: c.Topic, NumPartitions: int(c.Partitions), ReplicationFactor: 1}
	for name, value := range c.Configs {
		topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[c.Topic]
}

func topics(names ...string) ([]kafka.Topic, error) {
	answer, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, err
	}
	return answer.Topics, nil
}

func listTopics(lines.Command) (any, error) {
	found, err := topics()
	names := []string{}
	for _, topic := range found {
		names = append(names, topic.Name)
	}
	return names, err
}

func describeTopic(c lines.Command) (any, error) {
	found, err := topics(c.Topic)
	if err != nil {
		return nil, err
	}
	return len(found[0].Partitions), found[0].Error
}

func addPartitions(c lines.Command) (any, error) {
	topic := kafka.TopicPartitionsConfig{Name: c.Topic, Count: int32(c.Count)}
	request := &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{topic}}
	answer, err := client.CreatePartitions(ctx, request)
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[c.Topic]
}

func describeConfigs(c lines.Command) (any, error) {
	resource := kafka.DescribeConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: c.Topic}
	request := &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{resource}}
	answer, err := client.DescribeConfigs(ctx, request)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, entry := range answer.Resources[0].ConfigEntries {
		configs[entry.ConfigName] = entry.ConfigValue
	}
	return configs, answer.Resources[0].Error
}

func alterConfigs(c lines.Command) (any, error) {
	resource := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: c.Topic}
	for name, value := range c.Configs {
		change := kafka.IncrementalAlterConfigsRequestConfig{Name: name, Value: value, ConfigOperation: kafka.ConfigOperationSet}
		resource.Configs = append(resource.Configs, change)
	}
	request := &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{resource}}
	answer, err := client.IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return nil, err
	}
	return nil, answer.Resources[0].Error
}

func deleteTopic(c lines.Command) (any, error) {
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{c.Topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[c.Topic]
}

func listGroups(lines.Command) (any, error) {
	answer, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, group := range answer.Groups {
		names = append(names, group.GroupID)
	}
	return names, answer.Error
}

func describeGroup(c lines.Command) (any, error) {
	answer, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{c.Group}})
	if err != nil {
		return nil, err
	}
	group := answer.Groups[0]
	return lines.DescribedGroup{State: group.GroupState, Members: len(group.Members)}, group.Error
}

func deleteGroup(c lines.Command) (any, error) {
	answer, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{c.Group}})
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(answer.Errors[c.Group])
}

func main() {
	client = &kafka.Client{Addr: kafka.TCP(lines.Address()), Timeout: 30 * time.Second}
	lines.Serve(map[string]lines.Do{
		"produce": produce, "consume": consume, "join": join, "leave": leave, "createTopic": createTopic,
		"listTopics": listTopics, "describeTopic": describeTopic, "addPartitions": addPartitions,
		"describeConfigs": describeConfigs, "alterConfigs": alterConfigs, "deleteTopic": deleteTopic,
		"listGroups": listGroups, "describeGroup": describeGroup, "deleteGroup": deleteGroup,
	})
}
