// A lab with sarama, step by step: `lab STEP ADDRESS` does one step and prints what it has seen, as JSON. test/labs/sarama.slow.test.ts
// calls the steps in turn, and looks at the log in between.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const group = "billing"

var address []string

var steps = map[string]func() (any, error){
	"topics": topics, "async": sendAsync, "sync": sendSync, "idempotent": idempotent, "partition": partition, "group": consumeGroup,
	"lag": lag, "transactions": transactions, "committed": committed, "updates": updates, "latest": latest,
}

func main() {
	address = []string{os.Args[2]}
	result, err := steps[os.Args[1]]()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	return config
}

func message(topic string, number int) *sarama.ProducerMessage {
	key := sarama.StringEncoder(fmt.Sprintf("key %d", number%10))
	return &sarama.ProducerMessage{Topic: topic, Key: key, Value: sarama.StringEncoder(fmt.Sprint(number))}
}

func messages(topic string, from, to int) []*sarama.ProducerMessage {
	made := []*sarama.ProducerMessage{}
	for number := from; number < to; number++ {
		made = append(made, message(topic, number))
	}
	return made
}

func topics() (any, error) {
	admin, err := sarama.NewClusterAdmin(address, config())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	compact := "compact"
	details := map[string]*sarama.TopicDetail{
		"orders":   {NumPartitions: 3, ReplicationFactor: 1},
		"invoices": {NumPartitions: 1, ReplicationFactor: 1},
		"latest":   {NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": &compact}},
	}
	for name, detail := range details {
		if err := admin.CreateTopic(name, detail, false); err != nil {
			return nil, err
		}
	}
	listed, err := admin.ListTopics()
	counts := map[string]int32{}
	for name, detail := range listed {
		counts[name] = detail.NumPartitions
	}
	return counts, err
}

// sendAsync sends 0 to 100, and counts what is acknowledged on the channel of successes. It is closed when all were answered: sarama gives up
// what it tries again meanwhile, even where it was itself not connected yet.
func sendAsync() (any, error) {
	producer, err := sarama.NewAsyncProducer(address, config())
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	sent := messages("orders", 0, 100)
	for _, message := range sent {
		producer.Input() <- message
	}
	perPartition := map[int32]int{}
	for range sent {
		select {
		case message := <-producer.Successes():
			perPartition[message.Partition]++
		case err := <-producer.Errors():
			return nil, err
		}
	}
	return perPartition, nil
}

// sendSync sends 100 to 110, one by one, and answers where each went.
func sendSync() (any, error) {
	producer, err := sarama.NewSyncProducer(address, config())
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	places := [][]int64{}
	for _, message := range messages("orders", 100, 110) {
		partition, offset, err := producer.SendMessage(message)
		if err != nil {
			return nil, err
		}
		places = append(places, []int64{int64(partition), offset})
	}
	return places, nil
}

// idempotent sends 110 to 160.
func idempotent() (any, error) {
	config := config()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(address, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	return nil, producer.SendMessages(messages("orders", 110, 160))
}

// read answers the values of a partition from its beginning to its end.
func read(config *sarama.Config, topic string, partition int32) ([]string, error) {
	client, err := sarama.NewClient(address, config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	claim, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	defer claim.Close()
	values := []string{}
	quiet := time.NewTimer(2 * time.Second)
	for {
		select {
		case message := <-claim.Messages():
			values = append(values, string(message.Value))
			if message.Offset == end-1 {
				return values, nil
			}
			quiet.Reset(2 * time.Second)
		case <-quiet.C:
			// The last offsets are a marker's, or were cleaned.
			return values, nil
		}
	}
}

func partition() (any, error) { return read(config(), "orders", 0) }

type handler struct {
	values chan<- string
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		h.values <- string(message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

// consumeGroup has two members share orders until they have read everything that the group has not committed yet.
func consumeGroup() (any, error) {
	lags, err := lagOf()
	if err != nil {
		return nil, err
	}
	var left int64
	for _, lag := range lags {
		left += lag
	}
	values := make(chan string)
	shares := [2][]string{{}, {}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var members sync.WaitGroup
	for range shares {
		member, err := sarama.NewConsumerGroup(address, group, config())
		if err != nil {
			return nil, err
		}
		members.Add(1)
		go func() {
			defer members.Done()
			defer member.Close()
			for ctx.Err() == nil {
				_ = member.Consume(ctx, []string{"orders"}, handler{values})
			}
		}()
	}
	seen := []string{}
	for ; left > 0; left-- {
		seen = append(seen, <-values)
	}
	cancel()
	members.Wait()
	return seen, nil
}

// lagOf answers how far the group is behind in each partition of orders.
func lagOf() (map[int32]int64, error) {
	client, err := sarama.NewClient(address, config())
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	partitions, err := client.Partitions("orders")
	if err != nil {
		return nil, err
	}
	offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{"orders": partitions})
	if err != nil {
		return nil, err
	}
	lags := map[int32]int64{}
	for _, partition := range partitions {
		end, err := client.GetOffset("orders", partition, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		lags[partition] = end - max(offsets.GetBlock("orders", partition).Offset, 0)
	}
	return lags, nil
}

func lag() (any, error) { return lagOf() }

// transactions over orders and invoices: 160 to 170 is committed, 170 to 180 aborted.
func transactions() (any, error) {
	config := config()
	config.Producer.Idempotent = true
	config.Producer.Transaction.ID = "lab"
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(address, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	end := []func() error{producer.CommitTxn, producer.AbortTxn}
	for i, from := range []int{160, 170} {
		if err := producer.BeginTxn(); err != nil {
			return nil, err
		}
		both := append(messages("orders", from, from+10), messages("invoices", from, from+10)...)
		if err := producer.SendMessages(both); err != nil {
			return nil, err
		}
		if err := end[i](); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// committed reads both topics, and what was committed alone.
func committed() (any, error) {
	config := config()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	found := map[string][]string{"orders": {}}
	for partition := range int32(3) {
		values, err := read(config, "orders", partition)
		if err != nil {
			return nil, err
		}
		found["orders"] = append(found["orders"], values...)
	}
	var err error
	found["invoices"], err = read(config, "invoices", 0)
	return found, err
}

// updates sends 0 to 1000 to the compacted topic: a hundred for each key.
func updates() (any, error) {
	producer, err := sarama.NewSyncProducer(address, config())
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	return nil, producer.SendMessages(messages("latest", 0, 1000))
}

func latest() (any, error) { return read(config(), "latest", 0) }
