// A bot on the official Go client, unmodified. Its environment leads it to the sandbox.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/card"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/chatbot"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/client"
)

func hear(_ context.Context, message *chatbot.BotCallbackDataModel) ([]byte, error) {
	text, err := json.Marshal(message.Text.Content)
	fmt.Println("message", message.MsgId, string(text), message.SenderStaffId)
	return nil, err
}

func tap(_ context.Context, tap *card.CardRequest) (*card.CardResponse, error) {
	action := tap.CardActionData.CardPrivateData.ActionIdList[0]
	fmt.Println("tap", tap.OutTrackId, action, tap.UserId)
	return &card.CardResponse{
		CardUpdateOptions: &card.CardUpdateOptions{UpdateCardDataByKey: true},
		CardData:          &card.CardDataDto{CardParamMap: map[string]string{"tips": "taken: " + action}},
	}, nil
}

func main() {
	stream := client.NewStreamClient(
		client.WithAppCredential(client.NewAppCredentialConfig(os.Args[1], os.Args[2])))
	stream.RegisterChatBotCallbackRouter(hear)
	stream.RegisterCardCallbackRouter(tap)
	if err := stream.Start(context.Background()); err != nil {
		panic(err)
	}
	select {}
}
