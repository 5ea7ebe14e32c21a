// Package lines is what the drivers in Go share: a line in, its command done, a line out; one after another (driver.ts).
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// Record holds bytes, which JSON has in base64; nil is null.
type Record struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

// Header is a pair in JSON.
type Header struct {
	Name  string
	Value []byte
}

func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Name, &h.Value})
}

// Command has the arguments of every command.
type Command struct {
	ID         int               `json:"id"`
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Group      string            `json:"group"`
	Codec      string            `json:"codec"`
	Idempotent bool              `json:"idempotent"`
	Records    []Record          `json:"records"`
	Partitions int32             `json:"partitions"`
	Count      int               `json:"count"`
	Configs    map[string]string `json:"configs"`

	TransactionalID string `json:"transactionalId"`
	To              string `json:"to"`
	Commit          bool   `json:"commit"`
	Committed       bool   `json:"committed"`
}

// DescribedGroup is what describeGroup answers.
type DescribedGroup struct {
	State   string `json:"state"`
	Members int    `json:"members"`
}

// Do is a command's function.
type Do func(Command) (any, error)

var saying sync.Mutex

// Address is the bootstrap server.
func Address() string { return os.Args[len(os.Args)-1] }

func say(message any) {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	saying.Lock()
	defer saying.Unlock()
	fmt.Println(string(text))
}

// Handled tells of a record that a member of a group has handled.
func Handled(record Record) { say(map[string]any{"handled": record}) }

// Serve does the commands until stdin ends, and then the one named leave.
func Serve(commands map[string]Do) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var command Command
		if err := json.Unmarshal(in.Bytes(), &command); err != nil {
			panic(err)
		}
		result, err := do(commands, command)
		if err != nil {
			say(map[string]any{"id": command.ID, "error": err.Error()})
		} else {
			say(map[string]any{"id": command.ID, "result": result})
		}
	}
	_, _ = do(commands, Command{Do: "leave"})
}

func do(commands map[string]Do, command Command) (any, error) {
	if f := commands[command.Do]; f != nil {
		return f(command)
	}
	return nil, fmt.Errorf("this client has no %s", command.Do)
}
