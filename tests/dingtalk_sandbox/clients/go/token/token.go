// One call of the old API by net/http, with nothing but its defaults.
package main

import (
	"fmt"
	"io"
	"net/http"
)

const url = "https://oapi.dingtalk.com/gettoken?appkey=dingsandboxapp&appsecret=sandbox-app-secret"

func main() {
	answer, err := http.Get(url)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(body))
}
